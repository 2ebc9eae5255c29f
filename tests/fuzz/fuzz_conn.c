/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Live MPTCP connections, server role, in virtual time. The input is a list of steps of a peer with
 * four paths that knows its keys (so its HMACs and checksums are right where they should be), of the
 * user, and of the machine. Each octet of the peer's stream has its value by its data sequence number:
 * as long as the peer did not lie about a mapping the user must get exactly that stream. After each
 * step all that conn_watch.h promises must hold.
 */
#include <stdlib.h>
#include <string.h>

#include "conn_world.h"
#include "mptcp/conn/conn_internal.h"
#include "mptcp/pm/pm.h"

#define POOL_MBUFS  2047
#define STEPS_MAX   250
#define TIME_MAX_MS 200000

static struct world fresh;
static uint8_t *mem, *mem_fresh;
static size_t mem_len;
static const struct stack_secrets secrets = {
	.isn = {1, 2}, .ts = {3, 4}, .cookie = {5, 6}, .join = {7, 8}, .flow = {9, 10}};

/* --- steps of others --------------------------------------------------------------------------------- */

static void time_passes(uint32_t ms)
{
	trace("%u ms", ms);
	world.now_us += (uint64_t)ms * 1000;
	world.time_ms += ms;
	stack_advance(&world.st, world.now_us);
}

static void step_time(uint8_t arg)
{
	static const uint16_t some[16] = {1,   2,   5,   10,   20,   39,   41,   100,
					  200, 300, 500, 1000, 1001, 3000, 5000, 11000};

	if (world.time_ms + some[arg & 15] <= TIME_MAX_MS)
		time_passes(some[arg & 15]);
}

static void step_user(uint8_t what)
{
	struct conn *c = main_conn();
	uint8_t arg = in_u8(&world.in);

	if (c == NULL)
		c = conn_of(&world.path[arg % PATHS]);
	if (c == NULL || !user_of(c)->live)
		return;
	switch (what & 15) {
	case 0:
	case 1:
	case 2:
	case 3:
		user_write(c, arg * 8u);
		break;
	case 4:
	case 5:
		user_write(c, arg * 100u);
		break;
	case 6:
		user_write(c, arg);
		break;
	case 7:
	case 8:
		world.space = arg * 512u;
		conn_window_update(c);
		break;
	case 9:
		world.space = 256u << 10;
		conn_window_update(c);
		break;
	case 10:
		conn_shutdown(c);
		break;
	case 11:
		if (arg < 32)
			conn_abort(c);
		break;
	default:
		world.whim = arg % WHIM_MAX;
		break;
	}
}

static void step_machine(uint8_t what)
{
	uint8_t arg = in_u8(&world.in);
	struct path *path = &world.path[arg % PATHS];

	switch (what & 15) {
	case 0:
		fuzz_pool_limit(pool, arg % 6);
		break;
	case 1:
		fuzz_pool_limit(pool, FUZZ_NO_LIMIT);
		break;
	case 2:
		world.keeps = arg & 1;
		break;
	case 3:
		driver_lets_go();
		break;
	case 4:
		stack_memory(&world.st, arg & 1 ? 10 : 2000, 100);
		break;
	case 5:
		world.st.seg_share = arg < 128 ? arg : UINT32_MAX;
		break;
	case 6:
		world.mp.half_open_max = arg & 1 ? 0 : 8;
		break;
	case 7:
		world.mp.draining = arg & 1;
		break;
	case 8:
		mptcp_idle(&world.mp);
		break;
	case 9:
		mptcp_relieve(&world.mp);
		break;
	case 10:
		path->deaf = arg & 4;
		break;
	case 11:
		path->no_ts = arg & 4;
		break;
	case 12:
		path->mss = (uint16_t)(88 + arg * 6u);
		break;
	case 13:
		path->wnd = (uint16_t)(arg * 256u);
		break;
	case 14:
		world.params.subflows_max = 1 + arg % CONN_SUBFLOWS_MAX;
		break;
	default:
		world.mp.n_local_addrs = arg % 3;
		break;
	}
}

static void check(void)
{
	unsigned int held;

	mptcp_reap(&world.mp);
	/* A place in the pool that is free begins anew. */
	for (uint32_t i = 0; i < world.mp.subflows.n_free; i++) {
		world.watch[world.mp.subflows.free[i]] = (struct tcp_watch){0};
		world.edge[world.mp.subflows.free[i]] = 0;
	}
	held = conn_watch_step(&world.mp, world.watch);
	if (world.n_kept == 0)
		MUST(fuzz_pool_used(pool) + fuzz_pool_used(wire) == held);
}

static void step(void)
{
	uint8_t op = in_u8(&world.in);
	struct path *path = &world.path[op & 3];

	switch (op >> 4) {
	case 0:
	case 1:
	case 2:
	case 3:
		step_data(path, 0);
		break;
	case 4:
		step_again(path);
		break;
	case 5:
	case 6:
		step_ack(path);
		break;
	case 7:
		step_handshake(path);
		break;
	case 8:
		step_option(path);
		break;
	case 9:
		if (op & 4) {
			world.lied = true;
			step_data(path, in_u8(&world.in) & 31);
		} else {
			step_raw(path);
		}
		break;
	case 10:
	case 11:
		step_time(op);
		break;
	case 12:
	case 13:
		step_user(op);
		break;
	default:
		step_machine(op);
		break;
	}
	if ((op & 0xcc) != 0x0c) /* else the burst goes on */
		stack_end_burst(&world.st);
}

/* --- one input ------------------------------------------------------------------------------------------ */

static void begin(void)
{
	uint8_t how = in_u8(&world.in);
	uint8_t flags = MPC_FLAG_H | (how & 0x40 ? MPC_FLAG_A : 0);

	world.params.checksum = how & 0x20;
	world.mp.n_local_addrs = how >> 2 & 1;
	world.params.subflows_max = how & 0x80 ? 2 : 4;
	switch (how & 3) {
	case 0:
	case 1:
		if (how & 8)
			world.mp.half_open_max = 0;
		capable(&world.path[0], TCPF_SYN, flags, 0);
		check();
		capable(&world.path[0], TCPF_ACK, flags, how & 0x10 ? 100 : 0);
		MUST(main_conn() != NULL && main_conn()->mode == CONN_MPTCP);
		world.mp.half_open_max = 8;
		break;
	case 2:
		world.plain = true;
		say(&world.path[0], TCPF_SYN, NULL, 0);
		check();
		say(&world.path[0], TCPF_ACK, NULL, 0);
		break;
	default:
		break;
	}
}

/* Abort what is left, and the TCP connections that are on their way out, or let time do it. */
static void end(bool wait)
{
	struct conn *c;

	world.whim = WHIM_NONE;
	world.keeps = false;
	driver_lets_go();
	fuzz_pool_limit(pool, FUZZ_NO_LIMIT);
	for (uint32_t i = 0; i < world.mp.conns.n; i++) {
		c = mptcp_conn_at(&world.mp, i);
		if (c != NULL && (!wait || user_of(c)->live))
			conn_abort(c);
		c = mptcp_conn_at(&world.mp, i);
		while (!wait && c != NULL && c->subflows != NULL)
			tcp_abort(&c->subflows->tcp);
	}
	check();
	for (unsigned int i = 0; i < 400 && world.st.wheel.armed > 0; i++) {
		time_passes(1000);
		stack_end_burst(&world.st);
		check();
	}
	stack_advance(&world.st, world.now_us);
	conn_watch_end(&world.mp);
	for (unsigned int i = 0; i < CONNS; i++)
		MUST(!world.user[i].live);
	MUST(fuzz_pool_used(pool) == 0 && fuzz_pool_used(wire) == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const uint8_t seed[CSPRNG_SEED_LEN] = {42}, sut[4] = {10, 0, 0, 1};
	uint32_t token_a;

	(void)argc, (void)argv;
	pool = fuzz_pool("conn", POOL_MBUFS);
	wire = fuzz_pool("wire", POOL_MBUFS);
	world.cfg = tcp_config_default;
	world.cfg.syn_retries = 2;
	world.cfg.data_retries = 5;
	world.cfg.orphan_retries = 2;
	world.cfg.rto_max_ms = 8000;
	world.cfg.time_wait_ms = 3000;
	world.now_us = 1000000000;
	stack_init(&world.st, &world_stack_ops, &world.cfg, &secrets, pool, world.ctrs,
		   world.now_us);
	csprng_init_seed(&world.st.rng, seed);
	mem_len = (mptcp_memory(CONNS, SUBFLOWS) + 63) & ~(size_t)63;
	mem = aligned_alloc(64, mem_len);
	mem_fresh = malloc(mem_len);
	MUST(mem != NULL && mem_fresh != NULL);
	memset(mem, 0, mem_len);
	mptcp_init(&world.mp, &world.st, &world_mptcp_ops, &pm_default, mem, CONNS, SUBFLOWS);
	world.mp.half_open_max = 8;
	world.mp.local_addrs = world.addrs;
	for (uint8_t i = 0; i < RTE_DIM(world.addrs); i++) {
		uint8_t b4[4] = {10, 0, 0, (uint8_t)(8 + i)};

		world.addrs[i] = (struct local_addr){
			.addr = ip_addr_from_v4(b4), .id = (uint8_t)(1 + i), .signal = true};
	}
	world.params = (struct conn_params){.ops = &user_ops, .mptcp = true, .subflows_max = 4};
	world.space = 256u << 10;
	mp_key_derive(KEY_A, &token_a, &world.idsn_a);
	for (uint8_t i = 0; i < PATHS; i++) {
		uint8_t peer[4] = {10, 1, 0, (uint8_t)(i + 1)};
		struct path *p = &world.path[i];

		*p = (struct path){.iss = 0xfffff000u + i * 0x01000000u,
				   .nonce = 0x11110000u + i,
				   .wnd = 2000,
				   .mss = 1460};
		p->key = (struct flow_key){.local = ip_addr_from_v4(sut),
					   .remote = ip_addr_from_v4(peer),
					   .local_port = 80,
					   .remote_port = (uint16_t)(1000 + i)};
		p->peer_key = (struct flow_key){.local = p->key.remote,
						.remote = p->key.local,
						.local_port = p->key.remote_port,
						.remote_port = 80};
		p->seq = p->iss;
	}
	fresh = world;
	memcpy(mem_fresh, mem, mem_len);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t how;

	world = fresh;
	memcpy(mem, mem_fresh, mem_len);
	world.in = (struct input){data, size};
	how = in_u8(&world.in);
	begin();
	check();
	for (unsigned int n = 0; world.in.left > 0 && n < STEPS_MAX; n++) {
		step();
		check();
	}
	end(how & 1);
	return 0;
}

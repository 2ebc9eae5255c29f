/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Keys and tokens. A key is chosen so that its token names the owning worker, hence any worker
 * that receives an MP_JOIN reads the owner from the token alone. Such keys are made on idle
 * passes. Threads: the owning worker. Source: RFC 8684 s3.1, s3.2.
 */
#include "crypto/ct.h"
#include "mptcp/conn/conn_internal.h"

static uint64_t token_hash(const struct stack *st, uint32_t token)
{
	return siphash(&st->secrets->flow, &token, sizeof(token));
}

static bool token_match(const void *ctx, uint32_t index, const void *key)
{
	const struct mptcp *mp = ctx;
	const struct conn *c = pool_at(&mp->conns, index);

	return c->token_local == *(const uint32_t *)key;
}

struct conn *token_find(struct mptcp *mp, uint32_t token)
{
	int64_t i =
		flow_table_find(&mp->tokens, token_hash(mp->st, token), token_match, mp, &token);

	return i < 0 ? NULL : pool_at(&mp->conns, (uint32_t)i);
}

/* Give c the key if its token is ours and free. */
bool token_insert(struct mptcp *mp, struct conn *c, uint64_t key)
{
	uint32_t token;
	uint64_t idsn;

	mp_key_derive(key, &token, &idsn);
	if (token_owner(token, mp->st->n_workers) != mp->st->worker)
		return false;
	if (token_find(mp, token) != NULL)
		return false;
	if (flow_table_insert(&mp->tokens, token_hash(mp->st, token), pool_index(&mp->conns, c)))
		return false;
	c->key_local = key;
	c->token_local = token;
	c->idsn_local = idsn;
	c->has_token = true;
	st_inc(mp->st, CTR_CUR_TOKENS);
	return true;
}

void token_remove(struct mptcp *mp, struct conn *c)
{
	if (!c->has_token)
		return;
	flow_table_remove(&mp->tokens, token_hash(mp->st, c->token_local),
			  pool_index(&mp->conns, c));
	c->has_token = false;
	st_dec(mp->st, CTR_CUR_TOKENS);
}

/* One candidate: a random key, kept when its token names this worker. */
static bool key_candidate(struct mptcp *mp, uint64_t *key)
{
	uint32_t token;
	uint64_t idsn;

	*key = csprng_u64(&mp->st->rng);
	mp_key_derive(*key, &token, &idsn);
	return *key != 0 && token_owner(token, mp->st->n_workers) == mp->st->worker;
}

void token_refill(struct mptcp *mp, unsigned int n)
{
	for (; n > 0 && mp->n_keys < MP_KEY_POOL; n--) {
		uint64_t key;

		if (key_candidate(mp, &key))
			mp->key_pool[mp->n_keys++] = key;
	}
}

/* A fresh key for c. An empty pool costs a bounded search, whose finds fill it; no luck, once in ten
 * million, means no MPTCP for c. */
bool token_take_key(struct mptcp *mp, struct conn *c)
{
	if (mp->n_keys == 0)
		token_refill(mp, 16u * mp->st->n_workers);
	while (mp->n_keys > 0) {
		uint64_t key = mp->key_pool[--mp->n_keys];

		mp->key_pool[mp->n_keys] = 0;
		if (token_insert(mp, c, key))
			return true;
	}
	st_inc(mp->st, CTR_MP_TOKEN_FALLBACK);
	return false;
}

/* The key of a connection under a SYN cookie: made again from what the third packet shows. */
uint64_t mp_cookie_key(const struct stack *st, const struct flow_key *key, uint32_t irs)
{
	struct {
		struct flow_key key;
		uint32_t irs, tag;
	} in = {.key = *key, .irs = irs, .tag = 0x4d50434b /* "MPCK" */};

	return siphash(&st->secrets->cookie, &in, sizeof(in));
}

uint16_t mptcp_capable_ack_owner(const struct pkt *p, uint16_t n_workers)
{
	uint32_t token;
	uint64_t idsn;

	mp_key_derive(p->mp.capable.receiver_key, &token, &idsn);
	return token_owner(token, n_workers);
}

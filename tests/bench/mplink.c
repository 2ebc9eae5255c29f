/* SPDX-License-Identifier: BSD-3-Clause
 *
 * mplink: a long link between two interfaces of this network namespace, in real time. What comes in at the
 * one leaves at the other after a queue with a rate, a delay, and what is lost or overtaken on the way. For
 * machines whose kernel has no netem; what it can carry is bounded by one CPU.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define FRAME_MAX  1600
#define BATCH      64
#define SLOTS      65536 /* frames on the way, a power of two */
#define SOCK_BUF   (64 << 20)
#define SPIN_NS    60000 /* nearer than that a sleep would be late */
#define OVERHEAD   24    /* of a frame on a wire: preamble, FCS, gap (IEEE 802.3) */
#define NSEC_PER_S UINT64_C(1000000000)

struct frame {
	uint64_t at_ns;
	uint16_t len;
	uint8_t b[FRAME_MAX];
};

/* Frames in order of their time. */
struct fifo {
	struct frame *slot;
	uint32_t head, tail;
};

struct spec {
	double rate_mbit, delay_ms, queue_kib, loss_percent, reorder_percent, reorder_ms;
};

struct way {
	int in, out;
	struct spec spec;
	uint64_t busy_until_ns;
	struct fifo due, late; /* late: held up, so that later ones overtake them */
	uint64_t forwarded, lost, overrun, overtaken;
};

static uint8_t batch[BATCH][FRAME_MAX];
static volatile sig_atomic_t ended;
static uint64_t seed = 1;

static void end(int sig)
{
	(void)sig;
	ended = 1;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NSEC_PER_S + (uint64_t)t.tv_nsec;
}

/* splitmix64 (Steele, Lea and Flood, 2014): true percent of the times. */
static bool chance(double percent)
{
	uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

	if (percent <= 0)
		return false;
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (double)((z ^ z >> 31) >> 11) / (double)(UINT64_C(1) << 53) * 100 < percent;
}

static bool put(struct fifo *q, const uint8_t *b, uint16_t len, uint64_t at_ns)
{
	struct frame *f = &q->slot[q->tail & (SLOTS - 1)];

	if (q->tail - q->head == SLOTS)
		return false;
	f->at_ns = at_ns;
	f->len = len;
	memcpy(f->b, b, len);
	q->tail++;
	return true;
}

static struct frame *first(const struct fifo *q)
{
	return q->head != q->tail ? &q->slot[q->head & (SLOTS - 1)] : NULL;
}

/* The queue in front of the link, the link, the way. */
static void enter(struct way *w, const uint8_t *b, uint16_t len, uint64_t now)
{
	const struct spec *c = &w->spec;
	uint64_t takes = c->rate_mbit > 0 ? (uint64_t)((len + OVERHEAD) * 8000 / c->rate_mbit) : 0;
	uint64_t at = w->busy_until_ns > now ? w->busy_until_ns : now;
	double queued = (double)(at - now) * c->rate_mbit / 8000; /* octets */

	if (chance(c->loss_percent)) {
		w->lost++;
		return;
	}
	if (queued > c->queue_kib * 1024) {
		w->overrun++;
		return;
	}
	w->busy_until_ns = at += takes;
	at += (uint64_t)(c->delay_ms * 1e6);
	if (chance(c->reorder_percent)) {
		w->overtaken += put(&w->late, b, len, at + (uint64_t)(c->reorder_ms * 1e6));
		return;
	}
	if (!put(&w->due, b, len, at))
		w->overrun++;
}

static void receive(struct way *w, uint64_t now)
{
	struct mmsghdr m[BATCH];
	struct iovec v[BATCH];
	int n;

	memset(m, 0, sizeof(m));
	for (unsigned int i = 0; i < BATCH; i++) {
		v[i] = (struct iovec){batch[i], FRAME_MAX};
		m[i].msg_hdr.msg_iov = &v[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	n = recvmmsg(w->in, m, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++)
		enter(w, batch[i], (uint16_t)m[i].msg_len, now);
}

/* The next one to leave, or NULL. */
static struct fifo *next_of(struct way *w)
{
	struct frame *d = first(&w->due), *l = first(&w->late);

	if (d == NULL || l == NULL)
		return d != NULL ? &w->due : l != NULL ? &w->late : NULL;
	return d->at_ns <= l->at_ns ? &w->due : &w->late;
}

static void leave(struct way *w, uint64_t now)
{
	struct mmsghdr m[BATCH];
	struct iovec v[BATCH];
	unsigned int n = 0;
	struct fifo *q;

	memset(m, 0, sizeof(m));
	while (n < BATCH && (q = next_of(w)) != NULL && first(q)->at_ns <= now) {
		struct frame *f = first(q);

		v[n] = (struct iovec){f->b, f->len};
		m[n].msg_hdr.msg_iov = &v[n];
		m[n].msg_hdr.msg_iovlen = 1;
		q->head++; /* the slot is not used again before the next receive() */
		n++;
	}
	for (unsigned int done = 0; done < n;) {
		int r = sendmmsg(w->out, &m[done], n - done, 0);

		if (r <= 0) { /* as a full NIC: this one is lost */
			w->overrun++;
			r = 1;
		}
		done += (unsigned int)r;
	}
	w->forwarded += n;
}

static uint64_t next_ns(struct way *w)
{
	struct fifo *q = next_of(w);

	return q != NULL ? first(q)->at_ns : UINT64_MAX;
}

static int port(const char *name)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int one = 1, buf = SOCK_BUF;
	int fd;

	at.sll_ifindex = (int)if_nametoindex(name);
	if (at.sll_ifindex == 0) {
		fprintf(stderr, "mplink: no interface %s in this network namespace\n", name);
		exit(2);
	}
	fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) != 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buf, sizeof(buf)) != 0) {
		fprintf(stderr, "mplink: packet socket on %s: %s; it needs root\n", name,
			strerror(errno));
		exit(2);
	}
	return fd;
}

static void way_init(struct way *w, int in, int out, const struct spec *spec)
{
	*w = (struct way){.in = in, .out = out, .spec = *spec};
	w->due.slot = malloc(SLOTS * sizeof(struct frame));
	w->late.slot = malloc(SLOTS * sizeof(struct frame));
	if (w->due.slot == NULL || w->late.slot == NULL) {
		fprintf(stderr, "mplink: no memory\n");
		exit(2);
	}
}

static void run(struct way w[2])
{
	while (!ended) {
		struct pollfd p[2] = {{.fd = w[0].in, .events = POLLIN},
				      {.fd = w[1].in, .events = POLLIN}};
		uint64_t now = now_ns(), a, b;
		struct timespec t = {0, 0};

		for (unsigned int i = 0; i < 2; i++) {
			receive(&w[i], now);
			leave(&w[i], now);
		}
		a = next_ns(&w[0]);
		b = next_ns(&w[1]);
		a = a < b ? a : b;
		now = now_ns();
		if (a != UINT64_MAX && a < now + SPIN_NS)
			continue;
		t.tv_sec = a == UINT64_MAX ? 1 : (time_t)((a - now - SPIN_NS) / NSEC_PER_S);
		t.tv_nsec = a == UINT64_MAX ? 0 : (long)((a - now - SPIN_NS) % NSEC_PER_S);
		ppoll(p, 2, &t, NULL);
	}
}

static const struct option options[] = {
	{"rate-mbit", required_argument, NULL, 'r'},
	{"delay-ms", required_argument, NULL, 'd'},
	{"queue-kib", required_argument, NULL, 'q'},
	{"loss-percent", required_argument, NULL, 'l'},
	{"reorder-percent", required_argument, NULL, 'o'},
	{"reorder-ms", required_argument, NULL, 'm'},
	{"seed", required_argument, NULL, 's'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static void usage(FILE *to)
{
	fprintf(to,
		"Usage: mplink [OPTION]... FROM TO\n\n"
		"Forwards frames between the interfaces FROM and TO of this network namespace as a long\n"
		"link does, until SIGTERM; then prints what became of them, as JSON.\n\n"
		"  --rate-mbit R        of either way (default: no limit)\n"
		"  --queue-kib Q        in front of either way (default 1000)\n"
		"  --delay-ms D         either way, so a round trip is 2 D\n"
		"  --loss-percent P     on the way FROM -> TO\n"
		"  --reorder-percent P  on the way FROM -> TO: so many are later than the others, by\n"
		"  --reorder-ms M       so much\n"
		"  --seed N             another row of random numbers\n"
		"  --help               this text\n");
}

static double number(const char *text)
{
	char *rest;
	double v = strtod(text, &rest);

	if (rest == text || *rest != 0 || !(v >= 0 && v <= 1e9)) {
		fprintf(stderr, "mplink: not a number from 0 on: %s\n", text);
		exit(2);
	}
	return v;
}

int main(int argc, char **argv)
{
	struct spec to = {.queue_kib = 1000}, back;
	struct way w[2];
	int opt, fd[2];

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (opt) {
		case 'r':
			to.rate_mbit = number(optarg);
			break;
		case 'd':
			to.delay_ms = number(optarg);
			break;
		case 'q':
			to.queue_kib = number(optarg);
			break;
		case 'l':
			to.loss_percent = number(optarg);
			break;
		case 'o':
			to.reorder_percent = number(optarg);
			break;
		case 'm':
			to.reorder_ms = number(optarg);
			break;
		case 's':
			seed = (uint64_t)number(optarg);
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (argc - optind != 2) {
		usage(stderr);
		return 2;
	}
	back = to;
	back.loss_percent = back.reorder_percent = 0;
	for (int i = 0; i < 2; i++)
		fd[i] = port(argv[optind + i]);
	way_init(&w[0], fd[0], fd[1], &to);
	way_init(&w[1], fd[1], fd[0], &back);
	prctl(PR_SET_TIMERSLACK, 1);
	signal(SIGTERM, end);
	signal(SIGINT, end);
	printf("ready\n");
	fflush(stdout);
	run(w);
	for (int i = 0; i < 2; i++)
		printf("{\"way\": \"%s\", \"forwarded\": %" PRIu64 ", \"lost\": %" PRIu64
		       ", \"overrun\": %" PRIu64 ", \"overtaken\": %" PRIu64 "}\n",
		       i == 0 ? "to" : "back", w[i].forwarded, w[i].lost, w[i].overrun,
		       w[i].overtaken);
	return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is simulated: hosts, paths between them with all that may happen on the way, and what the
 * users of the connections do. Plain data: random (scenario_random.c) or from a file
 * (scenario_file.c).
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#define SC_PATHS_MAX   4
#define SC_OUTAGES_MAX 4
#define SC_BOXES_MAX   4
#define SC_CONNS_MAX   16
#define SC_NAME_MAX    64

struct sc_outage {
	uint32_t from_ms, to_ms; /* of virtual time since the start */
};

/* One direction of a path. Zero: no such thing. */
struct sc_link {
	uint64_t rate_bps;
	uint32_t delay_us;
	uint32_t jitter_us;   /* added at random; packets overtake each other then */
	uint32_t queue_bytes; /* what may wait for the rate; 0: 100 packets */
	uint32_t mark_bytes;  /* with more in the queue ECN-capable packets are marked; 0: never */
	uint32_t loss_ppm;
	/* bursts: loss_ppm of them in a bad state, entered and left packet by packet */
	uint32_t burst_enter_ppm, burst_leave_ppm, burst_loss_ppm;
	uint32_t reorder_ppm, reorder_us; /* these are late by so much */
	uint32_t dup_ppm;
	uint32_t corrupt_ppm; /* one bit flipped */
	uint16_t mtu;         /* larger packets vanish; 0: no limit ... */
	uint32_t mtu_from_ms; /* ... since then */
	bool router;          /* ... and their sender is told (ICMP) */
	uint32_t forged_ppm;  /* beside packets: ICMP "too big" that nobody has reason to send */
	uint32_t flap_up_ms, flap_down_ms;
	unsigned int n_outages;
	struct sc_outage outages[SC_OUTAGES_MAX];
};

enum sc_box_kind {
	BOX_NAT,      /* other address and port outside; n > 0: a new port after n packets */
	BOX_SEQ,      /* other sequence numbers outside */
	BOX_STRIP,    /* option kind n out of SYN and SYN/ACK (when 0), or of all others (when 1) */
	BOX_ALG,      /* rewrites the payload of packet number n and later */
	BOX_SPLIT,    /* cuts payload beyond n octets */
	BOX_COALESCE, /* joins neighbours up to n octets of payload */
	BOX_CLAMP,    /* window field at most n */
	BOX_RST,      /* forged RSTs beside packets, n ppm: none of them may end a connection */
	BOX_SYN,      /* a SYN again after n ms */
	BOX_WRAPPED,  /* n ppm: an old segment comes again as if its number were in the window */
	BOX_BEYOND,   /* n ppm: forged data that begins at or beyond the right edge */
	BOX_KINDS
};
extern const char *const sc_box_name[BOX_KINDS];

struct sc_box {
	uint32_t kind; /* enum sc_box_kind */
	uint32_t n;
	uint32_t when;
};

struct sc_path {
	struct sc_link up, down; /* from the client's end, and to it */
	unsigned int n_boxes;
	struct sc_box boxes[SC_BOXES_MAX]; /* before the link, seen from the client */
	uint16_t mtu;                      /* of both interfaces */
};

/* What one end of a connection does. */
struct sc_user {
	uint64_t bytes;     /* to send */
	uint32_t chunk_max; /* octets at once, at random; 0: as they fit */
	uint32_t think_us;  /* pause between chunks at most */
	uint32_t read_bps;  /* 0: reads at once */
	uint32_t pause_at;  /* stops reading after so many octets (0: never) ... */
	uint32_t pause_ms;  /* ... for so long */
	uint64_t abort_at;  /* aborts after so many octets sent or received; 0: never */
	bool close_on_fin;  /* closes when the peer has, instead of when all is sent */
};

struct sc_conn {
	uint32_t start_ms;
	unsigned int path;
	struct sc_user client, server;
};

struct sc_tcp {
	uint32_t cc; /* 0: CUBIC, 1: NewReno */
	uint32_t rcv_buffer, snd_buffer;
	uint32_t delack_ms;
	uint32_t ecn; /* enum tcp_ecn */
	bool pacing;
	uint32_t time_wait_ms;
	uint8_t wscale;
};

struct scenario {
	char name[SC_NAME_MAX];
	uint64_t seed;
	bool v6;
	bool relay;        /* client, relay, server; else client and server */
	bool mptcp;        /* clients ask for MPTCP, and use all paths */
	bool may_fail;     /* what is on the way may end connections */
	bool cookies;      /* the accepting side answers every SYN with a cookie */
	bool checked;      /* watch every packet and every state; off for long measurements */
	uint32_t hold;     /* packets that a driver keeps after sending */
	uint32_t poll_us;  /* hosts look for packets so often; 0: at once */
	uint32_t clock_ms; /* what the millisecond clock shows at the start */
	uint32_t isn_skew; /* sequence numbers begin so much before their wrap; 0: by the clock */
	uint32_t end_ms;   /* stop then; 0: when all connections have ended */
	uint32_t omit_ms;  /* until then nothing counts in the report's rates */
	uint32_t relay_buffer, relay_buffer_max;
	uint32_t mbufs;       /* packet buffers of all hosts; 0: the default */
	unsigned int n_paths; /* of the client */
	struct sc_path paths[SC_PATHS_MAX];
	struct sc_path server_path; /* relay to server */
	unsigned int n_conns;
	struct sc_conn conns[SC_CONNS_MAX];
	struct sc_tcp client_tcp, relay_tcp, server_tcp;
};

/* A scenario from a seed alone. */
void scenario_random(struct scenario *sc, uint64_t seed);
/* From a file, or a name of one in the scenario directory. Returns 0, or -1 with a message on
 * standard error. */
int scenario_load(struct scenario *sc, const char *file_or_name);
/* What is unusual about sc, on one line. */
void scenario_describe(const struct scenario *sc, char *buf, unsigned int len);

#endif

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Every MPTCP option of RFC 8684 as a struct, one screen: what the wire says, in host order.
 * Parsing (mp_opt_parse.c) fills a zeroed struct and commits an option only when it is wholly
 * valid; building (mp_opt_build.c) writes the octets. Neither knows any state. Any thread; pure.
 * Source: RFC 8684 s3.
 */
#ifndef WIRE_MP_OPT_H
#define WIRE_MP_OPT_H

#include <stdbool.h>
#include <stdint.h>

#include "mptcp/wire/ip_addr.h"

#define TCPOPT_MPTCP    30
#define MPTCP_VERSION   1
#define TCP_OPTIONS_MAX 40 /* octets: RFC 9293 s3.1, data offset of 15 words */

enum mp_subtype {
	MP_CAPABLE = 0x0,
	MP_JOIN = 0x1,
	MP_DSS = 0x2,
	MP_ADD_ADDR = 0x3,
	MP_REMOVE_ADDR = 0x4,
	MP_PRIO = 0x5,
	MP_FAIL = 0x6,
	MP_FASTCLOSE = 0x7,
	MP_TCPRST = 0x8,
	MP_EXPERIMENTAL = 0xf,
};
#define MP_BIT(subtype) (1u << (subtype))

/* Flags of MP_CAPABLE (s3.1) */
#define MPC_FLAG_A 0x80 /* checksum required */
#define MPC_FLAG_B 0x40 /* extensibility: must be 0, else the option is ignored */
#define MPC_FLAG_C 0x20 /* no joins to this source address and port */
#define MPC_FLAG_H 0x01 /* HMAC-SHA256 */

/* DSS flags (s3.3) */
#define DSS_FLAG_FIN  0x10
#define DSS_FLAG_DSN8 0x08
#define DSS_FLAG_MAP  0x04
#define DSS_FLAG_ACK8 0x02
#define DSS_FLAG_ACK  0x01

/* MP_TCPRST reasons (s3.6) */
enum mp_rst_reason {
	MP_RST_UNSPEC = 0,
	MP_RST_MPTCP = 1,
	MP_RST_RESOURCES = 2,
	MP_RST_PROHIBITED = 3,
	MP_RST_TOO_MUCH = 4,
	MP_RST_PERF = 5,
	MP_RST_MIDDLEBOX = 6,
};

struct mp_capable {
	uint8_t version;
	uint8_t flags;     /* MPC_FLAG_* */
	uint8_t n_keys;    /* 0: SYN, 1: SYN/ACK, 2: ACK */
	bool has_data_len; /* ACK with data: data_len is there */
	bool has_csum;
	uint64_t sender_key;
	uint64_t receiver_key;
	uint16_t data_len;
	uint16_t csum; /* as on the wire, host order */
};

/* The form of a MP_JOIN follows from its length. */
enum mp_join_form { MPJ_SYN = 12, MPJ_SYNACK = 16, MPJ_ACK = 24 };
struct mp_join {
	uint8_t form; /* enum mp_join_form */
	bool backup;  /* SYN, SYN/ACK */
	uint8_t addr_id;
	uint32_t token;   /* SYN */
	uint32_t nonce;   /* SYN, SYN/ACK */
	uint8_t hmac[20]; /* SYN/ACK: 8 octets, ACK: 20 */
};

struct mp_dss {
	uint8_t flags; /* DSS_FLAG_*; FIN only with MAP */
	bool has_csum;
	uint64_t data_ack; /* 32 bits valid without DSS_FLAG_ACK8 */
	uint64_t dsn;      /* 32 bits valid without DSS_FLAG_DSN8 */
	uint32_t ssn;      /* relative: the SYN is 0 */
	uint16_t data_len; /* 0: infinite mapping */
	uint16_t csum;
};

struct mp_add_addr {
	bool echo;
	uint8_t addr_id;
	uint16_t port; /* 0: absent */
	struct ip_addr addr;
	bool has_hmac; /* exactly when !echo */
	uint8_t hmac[8];
};

struct mp_remove_addr {
	uint8_t n;
	uint8_t id[TCP_OPTIONS_MAX - 3];
};

/* All MPTCP options of one segment. present has MP_BIT(subtype) for each option that was valid
 * and compatible with those before it; only then is the struct of that subtype meaningful. */
struct mp_opts {
	uint32_t present;
	bool malformed;   /* an option of a known subtype had a wrong length or illegal content */
	bool conflicting; /* a second or incompatible option was ignored */
	struct mp_capable capable;
	struct mp_join join;
	struct mp_dss dss;
	struct mp_add_addr add_addr;
	struct mp_remove_addr remove_addr;
	bool prio_backup;
	uint64_t fail_dsn;
	uint64_t fastclose_key;
	uint8_t rst_flags;  /* U V W T, T = 0x1: transient */
	uint8_t rst_reason; /* enum mp_rst_reason, or unknown */
};

/*
 * Parse one kind-30 option of len octets at p (p[0] is the kind, p[1] == len, len >= 3, all within
 * the segment's option area) into o. Unknown subtypes are ignored. A malformed or conflicting
 * option changes nothing but its mark. syn and ack are the flags of the segment: forms that may
 * not come with them count as malformed.
 * Combinations: MP_CAPABLE excludes all but REMOVE_ADDR; MP_JOIN excludes DSS, ADD_ADDR, FAIL,
 * FASTCLOSE, TCPRST; the first option wins.
 */
void mp_opt_parse(struct mp_opts *o, const uint8_t *p, unsigned int len, bool syn, bool ack);

/* TCP options being written; len never passes room. NOPs pad each option to 4 octets at the end. */
struct opt_buf {
	uint8_t len;
	uint8_t room; /* at most TCP_OPTIONS_MAX */
	uint8_t b[TCP_OPTIONS_MAX];
};

/* Octets each builder needs, padding to a multiple of four included. */
unsigned int mp_capable_size(const struct mp_capable *c);
unsigned int mp_dss_size(const struct mp_dss *d);
unsigned int mp_add_addr_size(const struct mp_add_addr *a);

/*
 * Each appends one option padded with NOPs to a multiple of four octets and returns 0, or
 * -ENOSPC with b unchanged. The struct's fields decide the form, as the parser would fill them.
 */
int mp_build_capable(struct opt_buf *b, const struct mp_capable *c);
int mp_build_join(struct opt_buf *b, const struct mp_join *j);
int mp_build_dss(struct opt_buf *b, const struct mp_dss *d);
int mp_build_add_addr(struct opt_buf *b, const struct mp_add_addr *a);
int mp_build_remove_addr(struct opt_buf *b, const struct mp_remove_addr *r);
int mp_build_prio(struct opt_buf *b, bool backup);
int mp_build_fail(struct opt_buf *b, uint64_t dsn);
int mp_build_fastclose(struct opt_buf *b, uint64_t receiver_key);
int mp_build_tcprst(struct opt_buf *b, uint8_t flags, uint8_t reason);

/*
 * The one's complement sum (not inverted, folded to 16 bits) of the DSS pseudo-header
 * DSN(8) || SSN(4) || length(2) || 0(2). The checksum is ~fold(this + sum of the mapping's payload).
 * Source: RFC 8684 s3.3.1.
 */
uint16_t mp_dss_pseudo_sum(uint64_t dsn, uint32_t ssn, uint16_t data_len);

#endif

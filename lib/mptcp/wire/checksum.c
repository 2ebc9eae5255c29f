/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One's complement sums. The long loop adds 32-bit words into 64-bit lanes, which cannot overflow
 * below 16 GiB, so that no carry is looked at before the end; the compiler makes it SIMD of
 * whatever width the build target has.
 * Any thread; pure. Source: RFC 1071 s2, RFC 1624 eqn 3, RFC 9293 s3.1, RFC 8200 s8.1.
 */
#include <endian.h>
#include <netinet/in.h>
#include <string.h>

#include "mptcp/wire/checksum.h"

typedef uint64_t lanes __attribute__((vector_size(16)));

static inline lanes load_lanes(const uint8_t *p)
{
	lanes v;

	memcpy(&v, p, sizeof(v));
	return v;
}

uint16_t csum_partial(const void *p, size_t len)
{
	const lanes low = {0xffffffff, 0xffffffff};
	const uint8_t *b = p;
	uint64_t sum = 0;

	if (len >= 64) {
		lanes s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};

		do {
			lanes a = load_lanes(b), c = load_lanes(b + 16);
			lanes d = load_lanes(b + 32), e = load_lanes(b + 48);

			s0 += (a & low) + (c & low);
			s1 += (a >> 32) + (c >> 32);
			s2 += (d & low) + (e & low);
			s3 += (d >> 32) + (e >> 32);
			b += 64;
			len -= 64;
		} while (len >= 64);
		s0 += s1;
		s2 += s3;
		s0 += s2;
		sum = s0[0] + s0[1];
	}
	for (; len >= 4; b += 4, len -= 4) {
		uint32_t w;

		memcpy(&w, b, sizeof(w));
		sum += w;
	}
	if (len >= 2) {
		uint16_t w;

		memcpy(&w, b, sizeof(w));
		sum += w;
		b += 2;
		len -= 2;
	}
	if (len > 0) {
		const uint8_t last[2] = {b[0], 0};
		uint16_t w;

		memcpy(&w, last, sizeof(w));
		sum += w;
	}
	return csum_fold(sum);
}

uint16_t csum_tcp_pseudo(const struct ip_addr *src, const struct ip_addr *dst, uint32_t tcp_len)
{
	uint64_t sum = (uint64_t)htobe32(tcp_len) + htobe16(IPPROTO_TCP);

	if (ip_addr_is_v4(src))
		sum += (uint64_t)src->w[3] + dst->w[3];
	else
		sum += csum_words(src->b, 4) + csum_words(dst->b, 4);
	return csum_fold(sum);
}

uint16_t csum_update16(uint16_t csum, uint16_t old_word, uint16_t new_word)
{
	return (uint16_t)~csum_add(csum_add((uint16_t)~csum, (uint16_t)~old_word), new_word);
}

uint16_t csum_update32(uint16_t csum, uint32_t old_word, uint32_t new_word)
{
	uint64_t sum = (uint16_t)~csum;

	sum += (uint32_t)~old_word;
	sum += new_word;
	return (uint16_t)~csum_fold(sum);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * lib/crypto against the vectors of the specifications, of Linux' own tests and of its packets,
 * and against libcrypto's implementations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "crypto/csprng.h"
#include "crypto/ct.h"
#include "crypto/mp_key.h"
#include "crypto/sha256.h"
#include "crypto/siphash.h"
#include "octets.h"

#define MSG_MAX 300

static void assert_hex(const uint8_t *got, const char *hex)
{
	uint8_t want[MSG_MAX];
	unsigned int n = hex_octets(hex, want, sizeof(want));

	assert_memory_equal(got, want, n);
}

/* FIPS 180-4 examples; the lengths around the padding are in test_sha256_lengths(). */
static void test_sha256_vectors(void **state)
{
	static uint8_t million[1000000];
	static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	uint8_t d[SHA256_LEN];

	(void)state;
	sha256("", 0, d);
	assert_hex(d, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256(NULL, 0, d);
	assert_hex(d, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256("abc", 3, d);
	assert_hex(d, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256(two_blocks, strlen(two_blocks), d);
	assert_hex(d, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	memset(million, 'a', sizeof(million));
	sha256(million, sizeof(million), d);
	assert_hex(d, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void test_sha256_lengths(void **state)
{
	uint8_t msg[MSG_MAX], got[SHA256_LEN], want[SHA256_LEN];
	struct hmac_key k;

	(void)state;
	for (unsigned int i = 0; i < sizeof(msg); i++)
		msg[i] = (uint8_t)(i * 7 + 1);
	for (unsigned int n = 0; n <= sizeof(msg); n++) {
		size_t want_len;

		sha256(guard_put(msg, n), n, got);
		assert_int_equal(EVP_Digest(msg, n, want, NULL, EVP_sha256(), NULL), 1);
		assert_memory_equal(got, want, sizeof(want));

		/* n octets of key for a fixed message, then n octets of message */
		hmac_key_init(&k, guard_put(msg, n), n);
		hmac_sha256(&k, "message", 7, got);
		assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, msg, n,
					  (const uint8_t *)"message", 7, want, sizeof(want),
					  &want_len));
		assert_memory_equal(got, want, sizeof(want));
		hmac_key_init(&k, "key", 3);
		hmac_sha256(&k, guard_put(msg, n), n, got);
		assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, "key", 3, msg, n,
					  want, sizeof(want), &want_len));
		assert_memory_equal(got, want, sizeof(want));
	}
}

/* RFC 4231 s4 */
static void test_hmac_rfc4231(void **state)
{
	static const struct {
		unsigned int key_repeat; /* 0: key is text or hex as given */
		const char *key;         /* hex */
		const char *msg;         /* text, or hex of one octet with msg_repeat */
		unsigned int msg_repeat;
		unsigned int digest_len;
		const char *digest;
	} v[] = {
		{20, "0b", "Hi There", 0, 32,
		 "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{0, "4a656665", "what do ya want for nothing?", 0, 32,
		 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{20, "aa", "dd", 50, 32,
		 "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
		{0, "0102030405060708090a0b0c0d0e0f10111213141516171819", "cd", 50, 32,
		 "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
		{20, "0c", "Test With Truncation", 0, 16, "a3b6167473100ee06e0c796c2955552b"},
		{131, "aa", "Test Using Larger Than Block-Size Key - Hash Key First", 0, 32,
		 "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
		{131, "aa",
		 "This is a test using a larger than block-size key and a larger than block-size "
		 "data. The key needs to be hashed before being used by the HMAC algorithm.",
		 0, 32, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(v); i++) {
		uint8_t key[MSG_MAX], msg[MSG_MAX], digest[SHA256_LEN];
		unsigned int key_len = hex_octets(v[i].key, key, sizeof(key));
		size_t msg_len = strlen(v[i].msg);
		struct hmac_key k;

		if (v[i].key_repeat > 0) {
			key_len = v[i].key_repeat;
			memset(key, key[0], key_len);
		}
		memcpy(msg, v[i].msg, msg_len);
		if (v[i].msg_repeat > 0) {
			hex_octets(v[i].msg, msg, sizeof(msg));
			msg_len = v[i].msg_repeat;
			memset(msg, msg[0], msg_len);
		}
		hmac_key_init(&k, key, key_len);
		hmac_sha256(&k, msg, msg_len, digest);
		assert_int_equal(strlen(v[i].digest), 2 * v[i].digest_len);
		assert_hex(digest, v[i].digest);
	}
}

/* Keys and messages are the characters, as in net/mptcp/crypto_test.c. */
static void test_hmac_linux_kunit(void **state)
{
	static const struct {
		const char *key, *msg, *digest;
	} v[] = {
		{"0b0b0b0b0b0b0b0b", "48692054",
		 "8385e24fb4235ac37556b6b886db106284a1da671699f46db1f235ec622dcafa"},
		{"aaaaaaaaaaaaaaaa", "dddddddd",
		 "2c5e219164ff1dca1c4a92318d847bb6b9d44492984e1eb71aff9022f71046e9"},
		{"0102030405060708", "cdcdcdcd",
		 "e73b9ba9969969cefb04aa0d6df18ec2fcc075b6f23b4d8c4da736a5dbbc6e7d"},
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(v); i++) {
		uint8_t d[SHA256_LEN];
		uint64_t key[2];
		uint32_t msg[2];
		struct mp_hmac_keys k;

		memcpy(key, v[i].key, sizeof(key));
		memcpy(msg, v[i].msg, sizeof(msg));
		mp_hmac_keys_init(&k, be64toh(key[0]), be64toh(key[1]));
		mp_join_hmac(&k.ours, be32toh(msg[0]), be32toh(msg[1]), d);
		assert_hex(d, v[i].digest);
	}
}

static uint64_t hex_u64(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	assert_non_null(s);
	return strtoull(s, NULL, 16);
}

static const char *text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	assert_non_null(s);
	return s;
}

static void check_token_idsn(const json_t *conn, const char *side, uint64_t key)
{
	char name[16];
	uint32_t token;
	uint64_t idsn;
	const json_t *j;

	mp_key_derive(key, &token, &idsn);
	snprintf(name, sizeof(name), "token_%s", side);
	if (json_object_get(conn, name) != NULL)
		assert_int_equal(token, hex_u64(conn, name));
	snprintf(name, sizeof(name), "idsn_%s", side);
	if (json_object_get(conn, name) != NULL)
		assert_true(idsn == hex_u64(conn, name));
	snprintf(name, sizeof(name), "idsn_%s_dec", side);
	j = json_object_get(conn, name);
	if (j != NULL)
		assert_true(idsn == strtoull(json_string_value(j), NULL, 10));
}

static void check_add_addr(const json_t *a, const struct hmac_key *k)
{
	uint8_t id = (uint8_t)json_integer_value(json_object_get(a, "id"));
	uint16_t port = (uint16_t)json_integer_value(json_object_get(a, "port"));
	const char *addr = text(a, "addr");
	bool v6 = strchr(addr, ':') != NULL;
	uint8_t octets[16], out[MP_HMAC_ADDR_LEN], msg[32], digest[SHA256_LEN];
	unsigned int n;

	assert_int_equal(inet_pton(v6 ? AF_INET6 : AF_INET, addr, octets), 1);
	mp_addr_hmac(k, id, octets, v6 ? 16 : 4, port, out);
	assert_hex(out, text(a, "hmac_right64"));
	n = hex_octets(text(a, "msg"), msg, sizeof(msg));
	hmac_sha256(k, msg, n, digest);
	assert_memory_equal(out, &digest[SHA256_LEN - MP_HMAC_ADDR_LEN], MP_HMAC_ADDR_LEN);
}

static void test_linux_packets(void **state)
{
	json_t *doc = json_load_file(VECTORS_DIR "/linux-6.18.json", 0, NULL);
	unsigned int joins = 0, addrs = 0;
	size_t i, n;
	json_t *conn, *j;

	(void)state;
	assert_non_null(doc);
	json_array_foreach(json_object_get(doc, "conns"), i, conn)
	{
		uint64_t key_a = hex_u64(conn, "K_A"), key_b = hex_u64(conn, "K_B");
		struct mp_hmac_keys a, b;

		check_token_idsn(conn, "A", key_a);
		check_token_idsn(conn, "B", key_b);
		mp_hmac_keys_init(&a, key_a, key_b);
		mp_hmac_keys_init(&b, key_b, key_a);
		assert_memory_equal(&a.ours, &b.theirs, sizeof(a.ours));
		assert_memory_equal(&a.theirs, &b.ours, sizeof(a.ours));

		json_array_foreach(json_object_get(conn, "joins"), n, j)
		{
			uint32_t r_a = (uint32_t)hex_u64(j, "R_A"),
				 r_b = (uint32_t)hex_u64(j, "R_B");
			uint8_t d[SHA256_LEN];

			assert_int_equal(strlen(text(j, "hmac_B64")), 2 * MP_HMAC_SYNACK_LEN);
			assert_int_equal(strlen(text(j, "hmac_A160")), 2 * MP_HMAC_ACK_LEN);
			mp_join_hmac(&b.ours, r_b, r_a, d);
			assert_hex(d, text(j, "hmac_B64"));
			mp_join_hmac(&b.theirs, r_a, r_b, d);
			assert_hex(d, text(j, "hmac_A160"));
			joins++;
		}
		json_array_foreach(json_object_get(conn, "add_addr_by_B"), n, j)
		{
			check_add_addr(j, &b.ours);
			addrs++;
		}
	}
	assert_int_equal(joins, 5);
	assert_int_equal(addrs, 3);
	json_decref(doc);
}

/* The first DATA_ACK32 to A is IDSN_A + 1. */
static void test_idsn_on_the_wire(void **state)
{
	uint32_t token;
	uint64_t idsn;

	(void)state;
	mp_key_derive(0x34689aee812f0eec, &token, &idsn);
	assert_int_equal((uint32_t)(idsn + 1), 1376540293);
	mp_key_derive(0xa8a61b201fe790bc, &token, &idsn);
	assert_true(idsn + 1 == 17397408679856059771ULL);
	mp_key_derive(0xbe17e6336be34e3b, &token, &idsn);
	assert_true(idsn + 1 == 12384603763290097987ULL);
	assert_int_equal(token, 0x4c077507);
}

static void test_siphash(void **state)
{
	/* key 00 01 .. 0f, as in the paper */
	const struct siphash_key k = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
	uint8_t key[16], msg[64];

	(void)state;
	for (unsigned int i = 0; i < sizeof(msg); i++)
		msg[i] = (uint8_t)i;
	memcpy(key, msg, sizeof(key));
	assert_true(siphash(&k, NULL, 0) == 0x726fdb47dd0e0e31);
	assert_true(siphash(&k, msg, 15) == 0xa129ca6149be45e5); /* the paper's appendix A */
	for (unsigned int n = 0; n <= sizeof(msg); n++) {
		size_t size = 8, len;
		const OSSL_PARAM params[] = {
			OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
			OSSL_PARAM_construct_end(),
		};
		uint64_t want;

		assert_non_null(EVP_Q_mac(NULL, "SIPHASH", NULL, NULL, params, key, sizeof(key),
					  msg, n, (uint8_t *)&want, sizeof(want), &len));
		assert_int_equal(len, 8);
		assert_true(siphash(&k, guard_put(msg, n), n) == le64toh(want));
	}
}

/* The whole construction again on libcrypto's ChaCha20: buffers of 512 octets, of which the first
 * 32 are the next key. */
static void ref_stream(const uint8_t seed[32], uint8_t *out, unsigned int n_bufs)
{
	static const uint8_t zero[CSPRNG_BUF_LEN];
	uint8_t key[32], iv[16] = {0}, buf[CSPRNG_BUF_LEN];

	memcpy(key, seed, sizeof(key));
	for (unsigned int i = 0; i < n_bufs; i++) {
		EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
		int len;

		assert_int_equal(EVP_EncryptInit_ex(c, EVP_chacha20(), NULL, key, iv), 1);
		assert_int_equal(EVP_EncryptUpdate(c, buf, &len, zero, sizeof(zero)), 1);
		EVP_CIPHER_CTX_free(c);
		memcpy(key, buf, sizeof(key));
		memcpy(out, buf + 32, sizeof(buf) - 32);
		out += sizeof(buf) - 32;
	}
}

static void test_csprng(void **state)
{
	enum { BUFS = 20, TOTAL = BUFS * (CSPRNG_BUF_LEN - 32) };
	static uint8_t want[TOTAL], got[TOTAL];
	uint8_t seed[CSPRNG_SEED_LEN] = {0};
	struct rnd rnd = {1};
	struct csprng r;
	uint32_t v32;
	uint64_t v64;

	(void)state;
	/* RFC 8439 appendix A.1, first vector: key, nonce and counter zero */
	csprng_init_seed(&r, seed);
	csprng_bytes(&r, got, 32);
	assert_hex(got, "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586");

	for (unsigned int i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)(i + 1);
	ref_stream(seed, want, BUFS);
	csprng_init_seed(&r, seed);
	for (unsigned int at = 0; at < TOTAL;) {
		unsigned int n = rnd_below(&rnd, 1200);

		if (n > TOTAL - at)
			n = TOTAL - at;
		csprng_bytes(&r, &got[at], n);
		at += n;
	}
	assert_memory_equal(got, want, TOTAL);

	csprng_init_seed(&r, seed);
	v32 = csprng_u32(&r);
	v64 = csprng_u64(&r);
	memcpy(got, &v32, 4);
	memcpy(got + 4, &v64, 8);
	assert_memory_equal(got, want, 12);
}

/* Nothing given out, and no key that made it, is left in memory. */
static void test_csprng_erases(void **state)
{
	const uint8_t seed[CSPRNG_SEED_LEN] = "0123456789abcdef0123456789abcde";
	uint8_t first[64];
	struct csprng r;

	(void)state;
	csprng_init_seed(&r, seed);
	csprng_bytes(&r, first, sizeof(first));
	assert_memory_not_equal(r.key, seed, sizeof(seed));
	for (unsigned int i = 0; i < r.used; i++)
		assert_int_equal(r.buf[i], 0);
	assert_int_equal(r.used, 32 + sizeof(first));
}

static void test_csprng_os(void **state)
{
	struct csprng a, b;

	(void)state;
	assert_int_equal(csprng_init_os(&a), 0);
	assert_int_equal(csprng_init_os(&b), 0);
	assert_true(csprng_u64(&a) != csprng_u64(&b));
}

static void test_ct(void **state)
{
	uint8_t a[40] = {1}, b[40] = {2};

	(void)state;
	assert_true(ct_equal(a, b, 0));
	for (unsigned int i = 0; i < sizeof(a); i++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			memset(a, 0x5a, sizeof(a));
			memcpy(b, a, sizeof(b));
			b[i] ^= (uint8_t)(1 << bit);
			assert_false(ct_equal(a, b, sizeof(a)));
			assert_true(ct_equal(a, b, i));
		}
	}
	zeroise(&a[1], sizeof(a) - 2);
	assert_int_equal(a[0], 0x5a);
	assert_int_equal(a[sizeof(a) - 1], 0x5a);
	for (unsigned int i = 1; i < sizeof(a) - 1; i++)
		assert_int_equal(a[i], 0);
	zeroise(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256_vectors),
		cmocka_unit_test(test_sha256_lengths),
		cmocka_unit_test(test_hmac_rfc4231),
		cmocka_unit_test(test_hmac_linux_kunit),
		cmocka_unit_test(test_linux_packets),
		cmocka_unit_test(test_idsn_on_the_wire),
		cmocka_unit_test(test_siphash),
		cmocka_unit_test(test_csprng),
		cmocka_unit_test(test_csprng_erases),
		cmocka_unit_test(test_csprng_os),
		cmocka_unit_test(test_ct),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One question to a running mpgate: connect, one line there, one line back.
 * One thread; blocks with a limit.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "units.h"

#define REPLY_MAX (256u * 1024 * 1024)

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int connect_to(const char *path, char *why)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd;

	if (*path == '\0' || strlen(path) >= sizeof(addr.sun_path)) {
		snprintf(why, CLIENT_WHY_LEN,
			 "'%.100s' is no path of a socket: it has 1 to %zu characters", path,
			 sizeof(addr.sun_path) - 1);
		return -1;
	}
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	switch (errno) {
	case ENOENT:
	case ECONNREFUSED:
		snprintf(why, CLIENT_WHY_LEN,
			 "mpgate is not running or the socket is elsewhere: %s: %s (give its path, "
			 "control.socket of the configuration, with --socket)",
			 path, strerror(errno));
		break;
	case EACCES:
	case EPERM:
		snprintf(why, CLIENT_WHY_LEN,
			 "%s: %s: only the user that runs mpgate may ask it (try sudo)", path,
			 strerror(errno));
		break;
	default:
		snprintf(why, CLIENT_WHY_LEN, "%s: %s", path, strerror(errno));
		break;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool wait_until(int fd, short events, int64_t end, char *why)
{
	struct pollfd p = {.fd = fd, .events = events};
	int64_t left;
	int rc;

	do {
		left = end - now_ms();
		rc = poll(&p, 1, left > 0 ? (int)left : 0);
	} while (rc < 0 && errno == EINTR);
	if (rc <= 0)
		snprintf(why, CLIENT_WHY_LEN, "mpgate has not answered for %d s",
			 CLIENT_WAIT_MS / 1000);
	return rc > 0;
}

static void send_line(int fd, const json_t *request, int64_t end, char *why)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t len, done = 0;

	if (text == NULL) {
		snprintf(why, CLIENT_WHY_LEN, "out of memory");
		return;
	}
	len = strlen(text);
	text[len] = '\n'; /* in the place of the NUL: it is sent by length */
	while (done <= len && wait_until(fd, POLLOUT, end, why)) {
		ssize_t n = send(fd, text + done, len + 1 - done, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			done += (size_t)n;
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			snprintf(why, CLIENT_WHY_LEN, "mpgate has closed the connection: %s",
				 strerror(errno));
			break;
		}
	}
	free(text);
}

/* The line without its end, to be freed; NULL with why. */
static char *read_line(int fd, size_t *len, int64_t end, char *why)
{
	size_t max = 64 * 1024, got = 0;
	char *text = must_alloc(NULL, max);

	while (wait_until(fd, POLLIN, end, why)) {
		ssize_t n = recv(fd, text + got, max - got, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0) {
			snprintf(why, CLIENT_WHY_LEN, "mpgate has closed the connection%s%s",
				 n < 0 ? ": " : "", n < 0 ? strerror(errno) : "");
			break;
		}
		got += (size_t)n;
		if (text[got - 1] == '\n') {
			*len = got - 1;
			return text;
		}
		if (got == max && max >= REPLY_MAX) {
			snprintf(why, CLIENT_WHY_LEN,
				 "the reply has more than %u octets: use --limit", REPLY_MAX);
			break;
		}
		if (got == max) {
			max *= 2;
			text = must_alloc(text, max);
		}
	}
	free(text);
	return NULL;
}

json_t *client_ask(const char *path, const json_t *request, char *why)
{
	int64_t end = now_ms() + CLIENT_WAIT_MS;
	int fd = connect_to(path, why);
	json_t *reply;
	json_error_t error;
	const char *said;
	char *text;
	size_t len = 0;

	if (fd < 0)
		return NULL;
	/* Where sending fails, a refusal may be there to be read all the same. */
	send_line(fd, request, end, why);
	text = read_line(fd, &len, end, why);
	close(fd);
	if (text == NULL)
		return NULL;
	reply = json_loadb(text, len, 0, &error);
	free(text);
	if (reply == NULL) {
		snprintf(why, CLIENT_WHY_LEN,
			 "mpgate's reply is no JSON: %s: is it of another version?", error.text);
		return NULL;
	}
	if (json_is_true(json_object_get(reply, "ok")) && json_object_get(reply, "data") != NULL)
		return reply;
	said = json_string_value(json_object_get(reply, "error"));
	snprintf(why, CLIENT_WHY_LEN, "mpgate says: %s",
		 said != NULL ? said : "nothing: is it of another version?");
	json_decref(reply);
	return NULL;
}

/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control socket's server. A client owns one input buffer of fixed size and at most one reply
 * that is being written: while that is not out, nothing more is read from it, so what a client can
 * make the process hold is bounded by one reply.
 * Control thread; allocates; never blocks but in poll().
 */
#define _GNU_SOURCE /* accept4 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ctl_server.h"

#define ACCEPT_PAUSE_MS 200  /* after accept() failed for want of descriptors or memory */
#define EVICT_IDLE_MS   1000 /* with all places taken, a client idle for so long gives its up */

struct client {
	int fd;            /* -1: free */
	bool eof, closing; /* closing: as soon as the reply is out */
	int64_t active_ms; /* last whole request or progress of a reply */
	size_t in_len, out_len, out_done;
	char *out; /* NULL: no reply is waiting */
	char in[CTL_REQUEST_MAX];
};

struct show {
	const char *name;
	ctl_show_fn *fn;
	void *arg;
};

struct ctl_server {
	int fd;
	dev_t dev; /* identity of the socket file */
	ino_t ino;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int64_t accept_after_ms;
	int idle_ms;
	int64_t (*now_ms)(void);
	size_t out_total;
	unsigned int n_shows;
	struct show shows[CTL_SHOW_MAX];
	struct client clients[CTL_CLIENTS_MAX];
};

static int64_t monotonic_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* 0 when path is free or was made so, else why not. */
static int clear_stale(const struct sockaddr_un *addr)
{
	struct stat st;
	int fd, rc;

	if (lstat(addr->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	rc = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 ? 0 : errno;
	close(fd);
	if (rc == ENOENT)
		return 0;
	/* Whatever else the answer is (EAGAIN: its queue is full), somebody lives there. */
	if (rc != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(addr->sun_path) == 0 || errno == ENOENT ? 0 : -errno;
}

static int listen_on(struct ctl_server *srv, const struct sockaddr_un *addr)
{
	struct stat st;

	srv->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (srv->fd < 0)
		return -errno;
	/* The mode of the descriptor becomes that of the file, so that it is never a wider one. */
	if (fchmod(srv->fd, 0600) != 0 ||
	    bind(srv->fd, (const struct sockaddr *)addr, sizeof(*addr)) != 0)
		return -errno;
	memcpy(srv->path, addr->sun_path, sizeof(srv->path));
	if (chmod(srv->path, 0600) != 0 || lstat(srv->path, &st) != 0 ||
	    listen(srv->fd, CTL_CLIENTS_MAX) != 0)
		return -errno;
	srv->dev = st.st_dev;
	srv->ino = st.st_ino;
	return 0;
}

int ctl_server_init(struct ctl_server **out, const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct ctl_server *srv;
	int rc;

	*out = NULL;
	if (*path == '\0' || strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	rc = clear_stale(&addr);
	if (rc != 0)
		return rc;
	srv = calloc(1, sizeof(*srv));
	if (srv == NULL)
		return -ENOMEM;
	srv->idle_ms = CTL_IDLE_MS;
	srv->now_ms = monotonic_ms;
	for (unsigned int i = 0; i < CTL_CLIENTS_MAX; i++)
		srv->clients[i].fd = -1;
	rc = listen_on(srv, &addr);
	if (rc != 0) {
		ctl_server_close(srv);
		return rc;
	}
	*out = srv;
	return 0;
}

int ctl_server_register(struct ctl_server *srv, const char *name, ctl_show_fn *fn, void *arg)
{
	for (unsigned int i = 0; i < srv->n_shows; i++)
		if (strcmp(srv->shows[i].name, name) == 0)
			return -EEXIST;
	if (srv->n_shows == CTL_SHOW_MAX)
		return -ENOSPC;
	srv->shows[srv->n_shows++] = (struct show){name, fn, arg};
	return 0;
}

void ctl_server_set_clock(struct ctl_server *srv, int64_t (*now_ms)(void))
{
	srv->now_ms = now_ms != NULL ? now_ms : monotonic_ms;
}

void ctl_server_set_idle(struct ctl_server *srv, int idle_ms)
{
	srv->idle_ms = idle_ms;
}

unsigned int ctl_server_clients(const struct ctl_server *srv)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < CTL_CLIENTS_MAX; i++)
		n += srv->clients[i].fd >= 0;
	return n;
}

static void client_close(struct ctl_server *srv, struct client *c)
{
	close(c->fd);
	c->fd = -1;
	srv->out_total -= c->out_len;
	free(c->out);
	c->out = NULL;
	c->out_len = 0;
}

/* Write what can be written of the reply; false when the client is gone. */
static bool client_write(struct ctl_server *srv, struct client *c)
{
	while (c->out_done < c->out_len) {
		ssize_t n = send(c->fd, c->out + c->out_done, c->out_len - c->out_done,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK;
		c->out_done += (size_t)n;
		c->active_ms = srv->now_ms();
	}
	srv->out_total -= c->out_len;
	free(c->out);
	c->out = NULL;
	c->out_len = 0;
	return !c->closing;
}

static json_t *error_reply(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static json_t *error_reply(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* Parts of the request are quoted, perhaps cut in the middle of a character. */
	for (char *c = text; *c != '\0'; c++)
		if (*c < 0x20 || *c == 0x7f)
			*c = '?';
	return json_pack("{s:b, s:s}", "ok", 0, "error", text);
}

/* Text of root with the end of the line; its length is known before any memory is taken. */
static char *dump_line(const json_t *root, size_t room, size_t *len)
{
	size_t size = json_dumpb(root, NULL, 0, JSON_COMPACT);
	char *text;

	*len = size + 1;
	if (size == 0 || size >= room)
		return NULL;
	text = malloc(size + 1);
	if (text == NULL)
		return NULL;
	json_dumpb(root, text, size, JSON_COMPACT);
	text[size] = '\n';
	return text;
}

/* Take over root as the client's reply and write what goes out at once. False: client gone. */
static bool client_reply(struct ctl_server *srv, struct client *c, json_t *root)
{
	size_t room = CTL_OUTPUT_MAX - srv->out_total, len = 0;

	if (room > CTL_REPLY_MAX)
		room = CTL_REPLY_MAX;
	c->out = root != NULL ? dump_line(root, room, &len) : NULL;
	json_decref(root);
	if (c->out == NULL) {
		root = error_reply("the reply has %zu octets and %zu are left for it: ask for "
				   "less with \"limit\"",
				   len, room);
		c->out = root != NULL ? dump_line(root, CTL_REQUEST_MAX, &len) : NULL;
		json_decref(root);
		if (c->out == NULL)
			return false;
	}
	c->out_len = len;
	c->out_done = 0;
	srv->out_total += len;
	return client_write(srv, c);
}

static json_t *answer_show(struct ctl_server *srv, const json_t *request)
{
	const char *what = json_string_value(json_object_get(request, "what"));

	if (what == NULL)
		return error_reply("\"show\" needs \"what\"");
	for (unsigned int i = 0; i < srv->n_shows; i++) {
		const struct show *s = &srv->shows[i];
		json_t *reply;

		if (strcmp(s->name, what) != 0)
			continue;
		reply = json_pack("{s:b}", "ok", 1);
		if (json_object_set_new(reply, "data", s->fn(s->arg, request, reply)) == 0)
			return reply;
		json_decref(reply);
		return error_reply("no data for '%.60s' at the moment", what);
	}
	return error_reply("nothing called '%.60s' can be shown", what);
}

static json_t *answer(struct ctl_server *srv, const char *line, size_t len)
{
	json_error_t why;
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &why), *reply;
	const char *cmd;

	if (request == NULL)
		return error_reply("not JSON: %.120s", why.text);
	cmd = json_string_value(json_object_get(request, "cmd"));
	if (cmd == NULL)
		reply = error_reply("a request is an object with \"cmd\"");
	else if (strcmp(cmd, "show") == 0)
		reply = answer_show(srv, request);
	else
		reply = error_reply("no command is called '%.60s'", cmd);
	json_decref(request);
	return reply;
}

/* Serve the first whole line in the client's buffer, if there is one. False: close it. */
static bool client_request(struct ctl_server *srv, struct client *c)
{
	char *end = memchr(c->in, '\n', c->in_len);
	size_t len;
	bool alive;

	if (end == NULL) {
		if (c->in_len < sizeof(c->in))
			return !c->eof;
		c->closing = true;
		return client_reply(
			srv, c,
			error_reply("a request has %d octets at most", CTL_REQUEST_MAX - 1));
	}
	len = (size_t)(end - c->in);
	c->active_ms = srv->now_ms();
	alive = client_reply(srv, c, answer(srv, c->in, len));
	c->in_len -= len + 1;
	memmove(c->in, end + 1, c->in_len);
	return alive;
}

static bool client_read(struct client *c)
{
	ssize_t n;

	if (c->eof || c->in_len == sizeof(c->in))
		return true;
	n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
	/* The end of its requests; what it has asked before is still answered. */
	if (n == 0)
		c->eof = true;
	c->in_len += (size_t)n;
	return true;
}

static bool has_request(const struct client *c)
{
	return c->in_len == sizeof(c->in) || memchr(c->in, '\n', c->in_len) != NULL;
}

static void client_serve(struct ctl_server *srv, struct client *c, short events)
{
	bool alive = (events & (POLLERR | POLLNVAL)) == 0;

	if (alive && c->out != NULL) {
		alive = client_write(srv, c);
	} else if (alive) {
		if ((events & (POLLIN | POLLHUP)) != 0)
			alive = client_read(c);
		if (alive)
			alive = client_request(srv, c);
	}
	/* A client that asks no more and has nothing left to get. */
	if (alive && c->eof && c->out == NULL && !has_request(c))
		alive = false;
	if (!alive)
		client_close(srv, c);
}

static struct client *free_place(struct ctl_server *srv, int64_t now)
{
	struct client *oldest = &srv->clients[0];

	for (unsigned int i = 0; i < CTL_CLIENTS_MAX; i++) {
		struct client *c = &srv->clients[i];

		if (c->fd < 0)
			return c;
		if (c->active_ms < oldest->active_ms)
			oldest = c;
	}
	/* Sleepers may not lock the operator out. */
	if (now - oldest->active_ms < EVICT_IDLE_MS)
		return NULL;
	client_close(srv, oldest);
	return oldest;
}

static void accept_clients(struct ctl_server *srv, int64_t now)
{
	static const char full[] = "{\"ok\":false,\"error\":\"too many clients: try again\"}\n";

	for (unsigned int i = 0; i < CTL_CLIENTS_MAX; i++) {
		int fd = accept4(srv->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct client *c;

		if (fd < 0) {
			if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
				srv->accept_after_ms = now + ACCEPT_PAUSE_MS;
			return;
		}
		c = free_place(srv, now);
		if (c == NULL) {
			send(fd, full, sizeof(full) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
			close(fd);
			continue;
		}
		c->fd = fd;
		c->eof = c->closing = false;
		c->in_len = c->out_len = c->out_done = 0;
		c->active_ms = now;
	}
}

/* How long poll() may sleep: until the next client is idle for too long. */
static int bounded_wait(const struct ctl_server *srv, int64_t now, int timeout_ms)
{
	for (unsigned int i = 0; i < CTL_CLIENTS_MAX; i++) {
		const struct client *c = &srv->clients[i];
		int64_t left = c->active_ms + srv->idle_ms - now;

		if (c->fd < 0)
			continue;
		if (c->out == NULL && has_request(c))
			return 0;
		if (timeout_ms < 0 || left < timeout_ms)
			timeout_ms = left > 0 ? (int)left : 0;
	}
	return timeout_ms;
}

int ctl_server_poll(struct ctl_server *srv, int timeout_ms)
{
	struct pollfd p[CTL_CLIENTS_MAX + 1];
	int64_t now = srv->now_ms();
	bool pause = now < srv->accept_after_ms;

	for (unsigned int i = 0; i < CTL_CLIENTS_MAX; i++) {
		const struct client *c = &srv->clients[i];
		int want = c->out != NULL ? POLLOUT : c->eof ? 0 : POLLIN;

		p[i] = (struct pollfd){.fd = c->fd, .events = (short)want};
	}
	p[CTL_CLIENTS_MAX] = (struct pollfd){.fd = pause ? -1 : srv->fd, .events = POLLIN};
	timeout_ms = bounded_wait(srv, now, timeout_ms);
	if (pause && (timeout_ms < 0 || timeout_ms > ACCEPT_PAUSE_MS))
		timeout_ms = ACCEPT_PAUSE_MS;
	if (poll(p, CTL_CLIENTS_MAX + 1, timeout_ms) < 0)
		return -errno;
	now = srv->now_ms();
	for (unsigned int i = 0; i < CTL_CLIENTS_MAX; i++) {
		struct client *c = &srv->clients[i];

		if (c->fd < 0)
			continue;
		if (p[i].revents != 0 || (c->out == NULL && has_request(c)))
			client_serve(srv, c, p[i].revents);
		else if (now - c->active_ms >= srv->idle_ms)
			client_close(srv, c);
	}
	if (p[CTL_CLIENTS_MAX].revents != 0)
		accept_clients(srv, now);
	return 0;
}

void ctl_server_close(struct ctl_server *srv)
{
	struct stat st;

	if (srv == NULL)
		return;
	for (unsigned int i = 0; i < CTL_CLIENTS_MAX; i++)
		if (srv->clients[i].fd >= 0)
			client_close(srv, &srv->clients[i]);
	if (srv->fd >= 0)
		close(srv->fd);
	if (srv->ino != 0 && lstat(srv->path, &st) == 0 && st.st_dev == srv->dev &&
	    st.st_ino == srv->ino)
		unlink(srv->path);
	free(srv);
}

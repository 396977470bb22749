/* A rig that is simulated in real time, and spoken to as hybridctl.deploy.line says.
 *
 *   rig udp|serial WATCHDOG SAFE FAULT AT COUNT [x0 ...]
 *
 * The first line of its output is where it is: a port, or a device. It ends when its
 * input does, and then tells every input that it saw: "u TIME NUMBERS", or "w TIME" where
 * none came for WATCHDOG seconds, so that it took SAFE by itself.
 *
 * From answer AT on, COUNT answers are: lost, nan, late (by 30 ms), or noise.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "plant.h"

#define STEP 0.001 /* of the simulation [s] */
#define MOST 200000

static plant_state plant;
static double x[N_X], u[N_U], safe, watchdog, last;
static int fd, is_udp, at, count;
static const char *fault;
static struct sockaddr_in peer;
static struct { double t, u[N_U]; int own; } seen[MOST];
static int n_seen;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

static void keep(int own) {
    if (n_seen < MOST) {
        seen[n_seen].t = now();
        memcpy(seen[n_seen].u, u, sizeof u);
        seen[n_seen++].own = own;
    }
}

static void say(const char *text) {
    const size_t n = strlen(text);
    const ssize_t done = is_udp
        ? sendto(fd, text, n, 0, (struct sockaddr *)&peer, sizeof peer)
        : write(fd, text, n);
    if (done < 0) { perror("answer"); }
}

static void answer(long number) {
    char text[512];
    const int bad = number >= at && number < at + count;
    int i, n;
    if (bad && !strcmp(fault, "lost")) { return; }
    if (bad && !strcmp(fault, "noise")) { say("y \x7f#~ 1e\n"); return; }
    if (bad && !strcmp(fault, "late")) { usleep(30000); }
    n = sprintf(text, "y %ld", number);
    for (i = 0; i < N_X; i++) {
        const int nan = bad && !strcmp(fault, "nan");
        n += nan ? sprintf(text + n, " nan") : sprintf(text + n, " %.9g", x[i]);
    }
    strcpy(text + n, "\n");
    say(text);
}

static void heard(char *line) {
    char *rest = line + 1;
    int i;
    if (line[0] == 'y') { answer(strtol(rest, NULL, 10)); }
    if (line[0] == 'u') {
        for (i = 0; i < N_U; i++) { u[i] = strtod(rest, &rest); }
        last = now();
        keep(0);
    }
}

static void receive(void) {
    static char text[4096];
    static size_t held;
    socklen_t size = sizeof peer;
    const size_t room = sizeof text - 1 - held;
    const ssize_t n = is_udp
        ? recvfrom(fd, text + held, room, 0, (struct sockaddr *)&peer, &size)
        : read(fd, text + held, room);
    char *line = text, *end;
    if (n <= 0) { return; }
    held += n;
    text[held] = 0;
    while ((end = strchr(line, '\n')) != NULL) {
        *end = 0;
        heard(line);
        line = end + 1;
    }
    held -= line - text;
    memmove(text, line, held + 1);
}

static void open_udp(void) {
    struct sockaddr_in here = {0};
    socklen_t size = sizeof here;
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (bind(fd, (struct sockaddr *)&here, sizeof here)) { perror("bind"); exit(1); }
    getsockname(fd, (struct sockaddr *)&here, &size);
    printf("127.0.0.1:%d\n", ntohs(here.sin_port));
}

static void open_serial(void) {
    struct termios raw;
    fd = posix_openpt(O_RDWR | O_NOCTTY);
    if (fd < 0 || grantpt(fd) || unlockpt(fd)) { perror("pty"); exit(1); }
    tcgetattr(fd, &raw);
    cfmakeraw(&raw);
    tcsetattr(fd, TCSANOW, &raw);
    printf("%s\n", ptsname(fd));
    (void)!open(ptsname(fd), O_RDWR | O_NOCTTY); /* so that it never hangs up */
}

static void tell(void) {
    int i, k;
    for (k = 0; k < n_seen; k++) {
        printf("%c %.9g", seen[k].own ? 'w' : 'u', seen[k].t);
        for (i = 0; i < N_U; i++) { printf(" %.17g", seen[k].u[i]); }
        printf("\n");
    }
}

int main(int argc, char **argv) {
    double t = 0.0, began;
    int i;
    if (argc < 7) { return 2; }
    is_udp = !strcmp(argv[1], "udp");
    watchdog = atof(argv[2]);
    safe = atof(argv[3]);
    fault = argv[4];
    at = atoi(argv[5]);
    count = atoi(argv[6]);
    plant_init(&plant);
    for (i = 0; i < N_X && 7 + i < argc; i++) { plant.STATE[i] = x[i] = atof(argv[7 + i]); }
    if (is_udp) { open_udp(); } else { open_serial(); }
    fflush(stdout);
    began = now();
    for (;;) {
        struct pollfd both[2] = {{fd, POLLIN, 0}, {0, POLLIN, 0}};
        char none[16];
        poll(both, 2, 1);
        for (; t < now() - began; t += STEP) { plant_step(&plant, t, u, x); }
        if (watchdog > 0 && last > 0 && now() - last > watchdog) {
            for (i = 0; i < N_U; i++) { u[i] = safe; }
            keep(1);
            last = 0;
        }
        if (both[0].revents & POLLIN) { receive(); }
        if (both[1].revents && read(0, none, sizeof none) <= 0) { break; }
    }
    tell();
    return 0;
}

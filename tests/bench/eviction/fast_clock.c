/* A wall clock that runs FAST_CLOCK times as fast, for a server that is started with LD_PRELOAD.
 *
 *   cc -O2 -shared -fPIC -o fast_clock.so fast_clock.c
 *
 * Redis and Valkey count idle time in whole seconds. A trace that took hours is replayed within seconds, in which all
 * keys would be equally old, and their LRU a lottery. Only the wall clock is changed; timers and time limits, which go by
 * the monotonic clock, stay as they are. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long long began, factor;

static long long nanos(clockid_t clock)
{
    struct timespec now;
    syscall(SYS_clock_gettime, clock, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("FAST_CLOCK");
    factor = text ? atoll(text) : 1;
    began = nanos(CLOCK_REALTIME);
}

static long long fast_nanos(void)
{
    /* Before `begin` has run, an allocator may ask already. */
    return began ? began + (nanos(CLOCK_REALTIME) - began) * factor : nanos(CLOCK_REALTIME);
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)
        return (int)syscall(SYS_clock_gettime, clock, out);
    long long now = fast_nanos();
    out->tv_sec = now / 1000000000LL;
    out->tv_nsec = now % 1000000000LL;
    return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    (void)zone;
    long long now = fast_nanos();
    out->tv_sec = now / 1000000000LL;
    out->tv_usec = now % 1000000000LL / 1000;
    return 0;
}

time_t time(time_t *out)
{
    time_t now = fast_nanos() / 1000000000LL;
    if (out)
        *out = now;
    return now;
}

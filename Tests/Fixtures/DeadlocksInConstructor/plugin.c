/* Its constructor waits for a lock that it holds. */
#include "../minimal.h"
#include <pthread.h>

__attribute__((constructor)) static void wait_for_itself(void)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    pthread_mutex_lock(&lock);
}

MINIMAL_PLUGIN("deadlocks-in-constructor")

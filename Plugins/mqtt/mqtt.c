/*
 * mqtt: the messages of an MQTT topic, from a broker that the operator configures.
 *
 * What it teaches: a library with its own thread, which connects and reconnects. Its callbacks are bound to the stream;
 * the one for messages passes them to a callback of the host, which creates the JSON. `close` stops the thread before
 * it frees the memory that the handlers use: only then is it certain that none of them is running.
 */
#define _GNU_SOURCE
#include <mosquitto.h>
#include <pthread.h>
#include <sluice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const sluice_host *host;

/* Seconds between two attempts to connect: the first interval, and the longest. */
enum { RETRY_SECONDS = 1, RETRY_SECONDS_MAX = 30, KEEP_ALIVE_SECONDS = 30 };

typedef void message_function(const char *topic, const char *payload, int32_t qos, bool retained);
typedef void connect_function(struct mosquitto *client, void *unused, int status);
typedef void subscribe_function(struct mosquitto *client, void *unused, int id, int count, const int *granted);
typedef void receive_function(struct mosquitto *client, void *unused, const struct mosquitto_message *message);

struct subscription {
    sluice_stream *stream;
    struct mosquitto *client;
    message_function *event; /* each call is an event */
    int qos;
    char *broker; /* its address, until it is connected */
    int port;
    int64_t retry_ms;
    char *text; /* the last message's payload, with a NUL */
    size_t room;
    char topic[];
};

/* A comment: people see it in the stream, scripts do not. */
static void say(struct subscription *subscription, int32_t level, const char *what)
{
    host->log(subscription->stream, level, what);
    sluice_event event;
    sluice_event_init(&event);
    event.comment = what;
    host->emit(subscription->stream, &event);
}

/* --------------------------------------------------------------- What the library calls, each with the subscription */

static void connected(struct subscription *subscription, struct mosquitto *client, void *unused, int status)
{
    (void)unused;
    char what[160];
    if (status != 0) {
        snprintf(what, sizeof what, "the broker refuses: %s", mosquitto_connack_string(status));
        say(subscription, SLUICE_LOG_WARNING, what);
        return;
    }
    /* After each connection: a broker that was restarted may have forgotten the subscription. */
    status = mosquitto_subscribe(client, NULL, subscription->topic, subscription->qos);
    if (status != MOSQ_ERR_SUCCESS) {
        snprintf(what, sizeof what, "cannot subscribe: %s", mosquitto_strerror(status));
        say(subscription, SLUICE_LOG_WARNING, what);
    }
}

static void subscribed(struct subscription *subscription, struct mosquitto *client, void *unused, int id, int count,
                       const int *granted)
{
    (void)client, (void)unused, (void)id;
    bool refused = count < 1 || granted[0] > 2;
    say(subscription, refused ? SLUICE_LOG_WARNING : SLUICE_LOG_INFO,
        refused ? "the broker refuses the topic" : "subscribed");
}

static void disconnected(struct subscription *subscription, struct mosquitto *client, void *unused, int status)
{
    (void)client, (void)unused;
    if (status != 0)
        say(subscription, SLUICE_LOG_WARNING, "the connection to the broker is lost; reconnecting");
}

static void received(struct subscription *subscription, struct mosquitto *client, void *unused,
                     const struct mosquitto_message *message)
{
    (void)client, (void)unused;
    size_t length = (size_t)message->payloadlen;
    if (length >= subscription->room) {
        char *larger = realloc(subscription->text, length + 1);
        if (larger == NULL) {
            host->log(subscription->stream, SLUICE_LOG_ERROR, "out of memory for a message");
            return;
        }
        subscription->text = larger;
        subscription->room = length + 1;
    }
    if (length > 0)
        memcpy(subscription->text, message->payload, length);
    subscription->text[length] = '\0';
    subscription->event(message->topic, subscription->text, message->qos, message->retain);
}

/* ------------------------------------------------------------------------------------------------------- The stream */

static int32_t refuse(sluice_stream *stream, int32_t status, const char *message)
{
    host->reject(stream, status, message);
    return SLUICE_OPEN_REJECT;
}

static int32_t mqtt_close(void *state, int32_t reason)
{
    (void)reason;
    struct subscription *subscription = state;
    if (subscription->client != NULL) {
        mosquitto_disconnect(subscription->client);
        mosquitto_loop_stop(subscription->client, false); /* waits for its thread: no handler runs after it */
        mosquitto_destroy(subscription->client);
    }
    free(subscription->broker);
    free(subscription->text);
    free(subscription);
    return SLUICE_CLOSED;
}

/* "host" or "host:port": the length of the host, and the port; 0 if it is neither. */
static size_t parse_address(const char *address, int *port)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL) {
        *port = 1883;
        return strlen(address);
    }
    char *end;
    long number = strtol(colon + 1, &end, 10);
    if (end == colon + 1 || *end != '\0' || number < 1 || number > 65535)
        return 0;
    *port = (int)number;
    return (size_t)(colon - address);
}

/* The library's functions, created for this subscription. */
static bool bind_callbacks(struct subscription *subscription)
{
    sluice_stream *stream = subscription->stream;
    connect_function *on_connect =
        (connect_function *)host->bind(stream, "(ptr, ptr, i32)", (sluice_function)connected, subscription);
    connect_function *on_disconnect =
        (connect_function *)host->bind(stream, "(ptr, ptr, i32)", (sluice_function)disconnected, subscription);
    subscribe_function *on_subscribe = (subscribe_function *)host->bind(
        stream, "(ptr, ptr, i32, i32, ptr)", (sluice_function)subscribed, subscription);
    receive_function *on_message =
        (receive_function *)host->bind(stream, "(ptr, ptr, ptr)", (sluice_function)received, subscription);
    subscription->event = (message_function *)host->callback(
        stream, "topic: str, payload: str, qos: i32, retained: bool; full=drop-oldest");
    if (on_connect == NULL || on_disconnect == NULL || on_subscribe == NULL || on_message == NULL
        || subscription->event == NULL)
        return false;
    mosquitto_connect_callback_set(subscription->client, on_connect);
    mosquitto_disconnect_callback_set(subscription->client, on_disconnect);
    mosquitto_subscribe_callback_set(subscription->client, on_subscribe);
    mosquitto_message_callback_set(subscription->client, on_message);
    return true;
}

static void set_up_library(void)
{
    mosquitto_lib_init();
}

static int32_t mqtt_open(sluice_stream *stream, void **state, const char *topic, int32_t qos)
{
    const char *broker = host->config(stream, "broker"), *user = host->config(stream, "user");
    int port = 0;
    if (broker == NULL)
        return refuse(stream, 403, "mqtt: \"broker\" is not configured");
    size_t length = parse_address(broker, &port);
    if (length == 0) {
        host->log(stream, SLUICE_LOG_ERROR, "\"broker\" must be a host, or host:port");
        return refuse(stream, 500, "\"broker\" is configured with an invalid value");
    }
    if (mosquitto_sub_topic_check(topic) != MOSQ_ERR_SUCCESS)
        return refuse(stream, 400, "topic: not a topic, nor a filter with + and #");

    struct subscription *subscription = calloc(1, sizeof *subscription + strlen(topic) + 1);
    if (subscription == NULL)
        return refuse(stream, 503, "out of memory");
    subscription->stream = stream;
    subscription->qos = qos;
    subscription->port = port;
    subscription->retry_ms = 1000 * RETRY_SECONDS;
    subscription->broker = strndup(broker, length);
    strcpy(subscription->topic, topic);
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_up_library);
    subscription->client = mosquitto_new(NULL, true, NULL);
    if (subscription->broker == NULL || subscription->client == NULL || !bind_callbacks(subscription)
        || (user != NULL
            && mosquitto_username_pw_set(subscription->client, user, host->config(stream, "password")) != MOSQ_ERR_SUCCESS)) {
        mqtt_close(subscription, 0);
        return refuse(stream, 503, "no client can be created now");
    }
    mosquitto_reconnect_delay_set(subscription->client, RETRY_SECONDS, RETRY_SECONDS_MAX, true);
    *state = subscription;
    return SLUICE_OPEN_OK;
}

/* Connects. The library's thread reconnects later, but only after the first connection. */
static int32_t mqtt_next(void *state, sluice_event *event)
{
    struct subscription *subscription = state;
    if (subscription->broker == NULL)
        return SLUICE_NEXT_WAIT; /* for ever: the messages come by themselves */
    int status = mosquitto_connect_async(subscription->client, subscription->broker, subscription->port, KEEP_ALIVE_SECONDS);
    if (status == MOSQ_ERR_SUCCESS) {
        free(subscription->broker);
        subscription->broker = NULL;
        status = mosquitto_loop_start(subscription->client);
        if (status == MOSQ_ERR_SUCCESS)
            return SLUICE_NEXT_WAIT;
        host->fail(subscription->stream, mosquitto_strerror(status));
        return SLUICE_NEXT_ERROR;
    }
    event->wait_ms = subscription->retry_ms;
    if (subscription->retry_ms == 1000 * RETRY_SECONDS)
        say(subscription, SLUICE_LOG_WARNING, "the broker cannot be reached; trying again");
    if (subscription->retry_ms < 1000 * RETRY_SECONDS_MAX)
        subscription->retry_ms *= 2;
    return SLUICE_NEXT_WAIT;
}

static const sluice_producer mqtt = {
    .struct_size = sizeof(sluice_producer),
    .flags = SLUICE_SHARED,
    .name = "mqtt",
    .route = "/mqtt/{topic}",
    .description = "The messages of a topic of the configured MQTT broker",
    .parameters = "topic: str, qos: i32 in 0...2 = 0",
    .open = SLUICE_OPEN(mqtt_open),
    .next = mqtt_next,
    .close = mqtt_close,
};

SLUICE_PLUGIN(host, "mqtt", "1.0.0", "Subscribes to MQTT topics", &mqtt)

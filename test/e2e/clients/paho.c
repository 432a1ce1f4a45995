/* The conversation of paho_python.py with the same arguments, in paho for C: cc paho.c -lpaho-mqtt3cs -lpthread */
#include <MQTTClient.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int v5;
static char url[200];
static const char *prefix, *ca, *cert, *key, *user;
static int is_tcp;
enum { BOUND_MS = 60000, LINE = 400 };

static void fail(const char *what, int code) {
  fprintf(stderr, "%s: %d\n", what, code);
  exit(1);
}

typedef struct {
  char text[LINE]; /* topic payload qos retain */
  char more[LINE]; /* of version 5 */
} Heard;

typedef struct {
  MQTTClient client;
  MQTTClient_SSLOptions tls;
  Heard heard[32];
  int first, count;
  int present, keepalive, assigned;
  pthread_mutex_t lock;
  pthread_cond_t arrived;
} Peer;

static const char *path(const char *topic) {
  static char whole[4][LINE];
  static int next;
  char *to = whole[next++ % 4];
  snprintf(to, LINE, "%s%s", strncmp(topic, "$share", 6) == 0 || *topic == 0 ? "" : prefix, topic);
  return to;
}

static void add_pair(MQTTProperties *to, const char *name, const char *value) {
  MQTTProperty p = {.identifier = MQTTPROPERTY_CODE_USER_PROPERTY};
  p.value.data.data = (char *)name, p.value.data.len = strlen(name);
  p.value.value.data = (char *)value, p.value.value.len = strlen(value);
  MQTTProperties_add(to, &p);
}

static void add_bytes(MQTTProperties *to, int identifier, const char *bytes, int length) {
  MQTTProperty p = {.identifier = identifier};
  p.value.data.data = (char *)bytes, p.value.data.len = length;
  MQTTProperties_add(to, &p);
}

static void add_number(MQTTProperties *to, int identifier, int number) {
  MQTTProperty p = {.identifier = identifier};
  switch (MQTTProperty_getType(identifier)) {
  case MQTTPROPERTY_TYPE_BYTE: p.value.byte = number; break;
  case MQTTPROPERTY_TYPE_TWO_BYTE_INTEGER: p.value.integer2 = number; break;
  default: p.value.integer4 = number;
  }
  MQTTProperties_add(to, &p);
}

static void pairs(char *to, MQTTProperties *from) {
  int count = MQTTProperties_propertyCount(from, MQTTPROPERTY_CODE_USER_PROPERTY);
  for (int i = 0; i < count; i++) {
    MQTTProperty *p = MQTTProperties_getPropertyAt(from, MQTTPROPERTY_CODE_USER_PROPERTY, i);
    sprintf(to + strlen(to), "%s%.*s=%.*s", i ? "," : "", p->value.data.len, p->value.data.data, p->value.value.len,
            p->value.value.data);
  }
}

static int on_message(void *context, char *topic, int topic_length, MQTTClient_message *m) {
  Peer *peer = context;
  Heard heard = {0};
  (void)topic_length;
  snprintf(heard.text, LINE, "%s %.*s %d %d", topic + strlen(prefix), m->payloadlen, (char *)m->payload, m->qos, m->retained);
  if (v5) {
    MQTTProperties *props = &m->properties;
    MQTTProperty *type = MQTTProperties_getProperty(props, MQTTPROPERTY_CODE_CONTENT_TYPE);
    MQTTProperty *answers = MQTTProperties_getProperty(props, MQTTPROPERTY_CODE_RESPONSE_TOPIC);
    MQTTProperty *data = MQTTProperties_getProperty(props, MQTTPROPERTY_CODE_CORRELATION_DATA);
    if (type) sprintf(heard.more, "%.*s ", type->value.data.len, type->value.data.data);
    if (answers && data) {
      int skip = strlen(prefix);
      sprintf(heard.more + strlen(heard.more), "%.*s ", answers->value.data.len - skip, answers->value.data.data + skip);
      for (int i = 0; i < data->value.data.len; i++) {
        sprintf(heard.more + strlen(heard.more), "%02x", (unsigned char)data->value.data.data[i]);
      }
      strcat(heard.more, " ");
    }
    pairs(heard.more, props);
    if (answers) {
      int expiry = MQTTProperties_getNumericValue(props, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL);
      sprintf(heard.more + strlen(heard.more), " %d %d %s",
              MQTTProperties_getNumericValue(props, MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR),
              MQTTProperties_getNumericValue(props, MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER),
              90 < expiry && expiry <= 100 ? "true" : "false");
    }
  }
  pthread_mutex_lock(&peer->lock);
  peer->heard[(peer->first + peer->count++) % 32] = heard;
  pthread_cond_signal(&peer->arrived);
  pthread_mutex_unlock(&peer->lock);
  MQTTClient_freeMessage(&m);
  MQTTClient_free(topic);
  return 1;
}

static Heard next(Peer *peer) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += BOUND_MS / 1000;
  pthread_mutex_lock(&peer->lock);
  while (peer->count == 0) {
    if (pthread_cond_timedwait(&peer->arrived, &peer->lock, &until) != 0) fail("nothing arrived", 0);
  }
  Heard heard = peer->heard[peer->first];
  peer->first = (peer->first + 1) % 32;
  peer->count--;
  pthread_mutex_unlock(&peer->lock);
  return heard;
}

static int by_text(const void *a, const void *b) { return strcmp(((const Heard *)a)->text, ((const Heard *)b)->text); }

static void hear(Peer *peer, int count) {
  Heard heard[8];
  for (int i = 0; i < count; i++) heard[i] = next(peer);
  qsort(heard, count, sizeof *heard, by_text);
  for (int i = 0; i < count; i++) printf("%s\n", heard[i].text);
}

typedef struct {
  int stays, maximum_packet_size, receive_maximum;
  const char *will;
} How;

static Peer *meet(const char *name, How how) {
  Peer *peer = calloc(1, sizeof *peer);
  pthread_mutex_init(&peer->lock, NULL);
  pthread_cond_init(&peer->arrived, NULL);
  MQTTClient_createOptions create = MQTTClient_createOptions_initializer;
  create.MQTTVersion = v5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
  int code = MQTTClient_createWithOptions(&peer->client, url, name, MQTTCLIENT_PERSISTENCE_NONE, NULL, &create);
  if (code != 0) fail("create", code);
  MQTTClient_setCallbacks(peer->client, peer, NULL, on_message, NULL);
  MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer;
  MQTTClient_connectOptions options5 = MQTTClient_connectOptions_initializer5;
  MQTTClient_SSLOptions tls = MQTTClient_SSLOptions_initializer;
  MQTTClient_willOptions will = MQTTClient_willOptions_initializer;
  if (v5) options = options5;
  options.MQTTVersion = create.MQTTVersion;
  options.keepAliveInterval = 60;
  if (v5) options.cleanstart = !how.stays;
  else options.cleansession = !how.stays;
  if (!is_tcp) {
    tls.trustStore = ca, tls.keyStore = cert, tls.privateKey = key;
    peer->tls = tls;
    options.ssl = &peer->tls;
    options.username = user;
  }
  MQTTProperties props = MQTTProperties_initializer, will_props = MQTTProperties_initializer;
  if (v5 && how.stays) add_number(&props, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, 300);
  if (how.maximum_packet_size) add_number(&props, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, how.maximum_packet_size);
  if (how.receive_maximum) add_number(&props, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, how.receive_maximum);
  char will_topic[LINE];
  if (how.will) {
    snprintf(will_topic, LINE, "%s", path("live/will"));
    will.topicName = will_topic, will.message = how.will, will.qos = 1;
    options.will = &will;
    add_bytes(&will_props, MQTTPROPERTY_CODE_CONTENT_TYPE, "will/plain", 10);
    add_pair(&will_props, "w", "1");
  }
  if (v5) {
    MQTTResponse answer = MQTTClient_connect5(peer->client, &options, &props, how.will ? &will_props : NULL);
    if (answer.reasonCode != 0) fail("connect", answer.reasonCode);
    MQTTProperty *assigned = MQTTProperties_getProperty(answer.properties, MQTTPROPERTY_CODE_ASSIGNED_CLIENT_IDENTIFER);
    peer->assigned = assigned != NULL && assigned->value.data.len > 0;
    peer->keepalive = MQTTProperties_getNumericValue(answer.properties, MQTTPROPERTY_CODE_SERVER_KEEP_ALIVE);
    MQTTResponse_free(answer);
  } else if ((code = MQTTClient_connect(peer->client, &options)) != 0) {
    fail("connect", code);
  }
  peer->present = options.returned.sessionPresent;
  MQTTProperties_free(&props);
  MQTTProperties_free(&will_props);
  return peer;
}

typedef struct {
  int qos, no_local, as_published, handling, identifier;
} Ask;

static int subscribe(Peer *peer, const char *topic, Ask ask) {
  char whole[LINE];
  snprintf(whole, LINE, "%s", path(topic));
  if (v5) {
    MQTTSubscribe_options options = MQTTSubscribe_options_initializer;
    options.noLocal = ask.no_local, options.retainAsPublished = ask.as_published, options.retainHandling = ask.handling;
    MQTTProperties props = MQTTProperties_initializer;
    if (ask.identifier) add_number(&props, MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER, ask.identifier);
    MQTTResponse answer = MQTTClient_subscribe5(peer->client, whole, ask.qos, &options, &props);
    int code = answer.reasonCode;
    MQTTResponse_free(answer);
    MQTTProperties_free(&props);
    return code;
  }
  char *topics[] = {whole};
  int qos[] = {ask.qos};
  MQTTClient_subscribeMany(peer->client, 1, topics, qos);
  return qos[0];
}

static void publish(Peer *peer, const char *topic, const char *payload, int qos, int retain, MQTTProperties *props) {
  char whole[LINE];
  snprintf(whole, LINE, "%s", path(topic));
  MQTTClient_deliveryToken token;
  int code;
  if (v5) {
    MQTTResponse answer = MQTTClient_publish5(peer->client, whole, strlen(payload), payload, qos, retain, props, &token);
    code = answer.reasonCode;
    MQTTResponse_free(answer);
  } else {
    code = MQTTClient_publish(peer->client, whole, strlen(payload), payload, qos, retain, &token);
  }
  if (code != 0) fail("publish", code);
  if (qos > 0 && (code = MQTTClient_waitForCompletion(peer->client, token, BOUND_MS)) != 0) fail("acknowledgement", code);
}

static int unsubscribe(Peer *peer, const char *topic) {
  if (!v5) return MQTTClient_unsubscribe(peer->client, path(topic));
  MQTTResponse answer = MQTTClient_unsubscribe5(peer->client, path(topic), NULL);
  int code = answer.reasonCode;
  MQTTResponse_free(answer);
  return code;
}

static void leave(Peer *peer, int code) {
  if (v5) MQTTClient_disconnect5(peer->client, BOUND_MS, code, NULL);
  else MQTTClient_disconnect(peer->client, BOUND_MS);
  MQTTClient_destroy(&peer->client);
  free(peer);
}

int main(int count, char **words) {
  if (count != 10) return 2;
  v5 = words[1][0] == '5';
  is_tcp = strcmp(words[2], "tcp") == 0;
  int is_web = strcmp(words[2], "wss") == 0;
  snprintf(url, sizeof url, "%s://%s:%s%s", is_tcp ? "tcp" : is_web ? "wss" : "ssl", words[3], words[4], is_web ? "/mqtt" : "");
  prefix = words[5], ca = words[6], cert = words[7], key = words[8], user = words[9];

  /* A process that ends without DISCONNECT; made before there are threads. */
  int start[2];
  if (pipe(start) != 0) return 2;
  pid_t mortal = fork();
  if (mortal == 0) {
    char go;
    if (read(start[0], &go, 1) != 1) _exit(1);
    meet("c", (How){.will = "died"});
    _exit(0);
  }

  How stays = {.stays = 1};
  Peer *a = meet("a", stays), *b = meet("b", (How){0});
  printf("present %d\n", a->present);
  printf("suback %d\n", subscribe(a, "live/#", (Ask){.qos = 2, .identifier = 7, .as_published = 1}));
  MQTTProperties props = MQTTProperties_initializer;
  char answers[LINE];
  snprintf(answers, LINE, "%s", path("answers"));
  add_bytes(&props, MQTTPROPERTY_CODE_CONTENT_TYPE, "text/plain", 10);
  add_bytes(&props, MQTTPROPERTY_CODE_RESPONSE_TOPIC, answers, strlen(answers));
  add_bytes(&props, MQTTPROPERTY_CODE_CORRELATION_DATA, "\0\1", 2);
  add_pair(&props, "k", "1"), add_pair(&props, "a", "2"), add_pair(&props, "k", "3");
  add_number(&props, MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL, 100);
  add_number(&props, MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR, 1);
  publish(b, "live/q0", "zero", 0, 0, NULL);
  publish(b, "live/q1", "one", 1, 0, v5 ? &props : NULL);
  publish(b, "live/q2", "two", 2, 0, NULL);
  Heard heard[3];
  for (int i = 0; i < 3; i++) heard[i] = next(a);
  qsort(heard, 3, sizeof *heard, by_text);
  for (int i = 0; i < 3; i++) printf("%s\n", heard[i].text);
  if (v5) printf("%s\n", heard[1].more);

  publish(b, "kept", "k", 1, 1, NULL);
  printf("suback %d\n", subscribe(a, "kept", (Ask){.qos = 1}));
  hear(a, 1);
  if (v5) {
    subscribe(a, "kept", (Ask){.qos = 1, .handling = 1});
    subscribe(a, "kept", (Ask){.qos = 1, .handling = 2});
  }
  publish(b, "kept", "k2", 1, 0, NULL);
  hear(a, 1);

  leave(a, 0);
  publish(b, "live/off", "offline1", 1, 0, NULL);
  publish(b, "live/off", "offline2", 2, 0, NULL);
  a = meet("a", stays);
  printf("present %d\n", a->present);
  hear(a, 2);

  if (write(start[1], "!", 1) != 1) return 2;
  waitpid(mortal, NULL, 0);
  Heard died = next(a);
  printf("%s%s%s\n", died.text, v5 ? " " : "", v5 ? died.more : "");

  int there = unsubscribe(a, "kept"), gone = unsubscribe(a, "kept");
  if (v5) printf("unsuback %d %d\n", there, gone);
  else printf("unsuback - -\n");
  const char *own = prefix;
  prefix = "forbidden/";
  printf("suback %d\n", subscribe(a, "x", (Ask){.qos = 1}));
  prefix = own;

  if (v5) {
    subscribe(a, "own", (Ask){.qos = 1, .no_local = 1});
    publish(a, "own", "mine", 1, 0, NULL);
    publish(b, "own", "theirs", 1, 0, NULL);
    hear(a, 1);

    MQTTProperties alias = MQTTProperties_initializer;
    add_number(&alias, MQTTPROPERTY_CODE_TOPIC_ALIAS, 3);
    publish(b, "live/alias", "a1", 1, 0, &alias);
    publish(b, "", "a2", 1, 0, &alias);
    hear(a, 2);

    Peer *d = meet("d", (How){0});
    char shared[LINE];
    snprintf(shared, LINE, "$share/g/%sjobs", prefix);
    subscribe(a, shared, (Ask){.qos = 1});
    subscribe(d, shared, (Ask){.qos = 1});
    int jobs[10] = {0};
    for (int i = 0; i < 10; i++) {
      char payload[4];
      snprintf(payload, 4, "%d", i);
      publish(b, "jobs", payload, 1, 0, NULL);
    }
    for (int i = 0; i < 10; i++) {
      int job;
      if (sscanf(next(i % 2 ? a : d).text, "jobs %d", &job) == 1) jobs[job]++;
    }
    printf("jobs");
    for (int i = 0; i < 10; i++) if (jobs[i] == 1) printf(" %d", i);
    printf("\n");

    Peer *e = meet("e", (How){.maximum_packet_size = 200, .receive_maximum = 1});
    subscribe(e, "sizes", (Ask){.qos = 1});
    char large[501];
    memset(large, 'x', 500), large[500] = 0;
    publish(b, "sizes", large, 1, 0, NULL);
    for (int i = 0; i < 3; i++) {
      char payload[8];
      snprintf(payload, 8, "small%d", i);
      publish(b, "sizes", payload, 1, 0, NULL);
    }
    for (int i = 0; i < 3; i++) printf("%s\n", next(e).text);

    Peer *f = meet("", (How){.will = "said"});
    printf("assigned %s keepalive %d\n", f->assigned ? "true" : "false", f->keepalive);
    leave(f, MQTTREASONCODE_DISCONNECT_WITH_WILL_MESSAGE);
    hear(a, 1);
    leave(d, 0);
    leave(e, 0);
  }
  publish(b, "kept", "", 1, 1, NULL);
  leave(b, 0);
  leave(a, 0);
  leave(meet("a", (How){0}), 0);
  printf("done\n");
  return 0;
}

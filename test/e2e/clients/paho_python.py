"""
What a client library can express, in one conversation with a broker: test/e2e/clients.test.ts compares what it prints.
Arguments: version (4 or 5), transport (tcp, tls or wss), host, port, topic prefix, CA file, certificate file, key file, user name.
"""
import queue
import ssl
import sys
import threading

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

version, transport, host, port, prefix, ca, cert, key, user = sys.argv[1:10]
v5 = version == "5"
bound = 60  # a broken broker must not leave this program behind


def say(*words):
    print(*words, flush=True)


def truth(value):
    return "true" if value else "false"


def pairs(props):
    return ",".join("%s=%s" % pair for pair in props.UserProperty)


def properties(packet, **values):
    made = Properties(packet)
    for name, value in values.items():
        setattr(made, name, value)
    return made


class Peer:
    def __init__(self, name, clean=True, expiry=0, will=None, disconnects=True, **connect):
        kwargs = {} if v5 else {"clean_session": clean}
        self.client = paho.Client(
            name, protocol=paho.MQTTv5 if v5 else paho.MQTTv311,
            transport="websockets" if transport == "wss" else "tcp", **kwargs)
        if transport == "wss":
            self.client.ws_set_options(path="/mqtt")
        if transport != "tcp":
            self.client.tls_set(ca, cert, key, cert_reqs=ssl.CERT_REQUIRED)
            self.client.username_pw_set(user)
        self.messages = queue.Queue()
        self.answers = queue.Queue()
        self.closed = threading.Event()
        self.client.on_message = lambda c, u, message: self.messages.put(message)
        self.client.on_connect = self.on_connect
        self.client.on_subscribe = lambda c, u, mid, codes, *rest: self.answers.put(codes)
        self.client.on_unsubscribe = lambda c, u, mid, *rest: self.answers.put(rest[-1] if v5 else None)
        self.client.on_publish = lambda c, u, mid: self.answers.put(mid)
        self.client.on_disconnect = lambda *rest: self.closed.set()
        if will is not None:
            self.client.will_set(**will)
        more = {}
        if v5:
            made = properties(PacketTypes.CONNECT, SessionExpiryInterval=expiry, **connect)
            more = {"clean_start": clean, "properties": made}
        self.client.connect(host, int(port), 60, **more)
        self.client.loop_start()
        self.present, self.connack = self.answer()

    def on_connect(self, client, userdata, flags, code, props=None):
        assert (code if isinstance(code, int) else code.value) == 0, code
        self.answers.put((flags["session present"], props))

    def answer(self):
        return self.answers.get(timeout=bound)

    def subscribe(self, topic, qos, identifier=None, **options):
        if not v5:
            self.client.subscribe(prefix + topic, qos)
            return list(self.answer())
        props = Properties(PacketTypes.SUBSCRIBE)
        if identifier is not None:
            props.SubscriptionIdentifier = identifier
        whole = topic if topic.startswith("$share") else prefix + topic
        self.client.subscribe(whole, options=SubscribeOptions(qos=qos, **options), properties=props)
        return [code.value for code in self.answer()]

    def unsubscribe(self, topic):
        self.client.unsubscribe(prefix + topic)
        code = self.answer()
        return code.value if v5 else "-"

    def publish(self, topic, payload, qos, retain=False, props=None):
        self.client.publish(topic if topic == "" else prefix + topic, payload, qos, retain, properties=props)
        self.answer()

    def next(self):
        message = self.messages.get(timeout=bound)
        return [message.topic[len(prefix):], message.payload.decode(), message.qos, int(message.retain)], message

    def hear(self, count):
        for words in sorted((self.next()[0] for _ in range(count)), key=str):
            say(*words)

    def leave(self, code=0):
        if v5:
            self.client.disconnect(reasoncode=paho.ReasonCodes(PacketTypes.DISCONNECT, identifier=code))
        else:
            self.client.disconnect()
        self.closed.wait(bound)
        self.client.loop_stop()

    def die(self):
        self.client.loop_stop()
        self.client._sock.close()


stays = {"clean": False, "expiry": 300}
a = Peer("a", **stays)
b = Peer("b")
say("present", a.present)
say("suback", *a.subscribe("live/#", 2, identifier=7, retainAsPublished=True) if v5 else a.subscribe("live/#", 2))

props = properties(PacketTypes.PUBLISH, ContentType="text/plain", ResponseTopic=prefix + "answers", CorrelationData=b"\x00\x01",
                   UserProperty=[("k", "1"), ("a", "2"), ("k", "3")], MessageExpiryInterval=100, PayloadFormatIndicator=1) if v5 else None
b.publish("live/q0", "zero", 0)
b.publish("live/q1", "one", 1, props=props)
b.publish("live/q2", "two", 2)
heard = sorted((a.next() for _ in range(3)), key=lambda pair: str(pair[0]))
for words, _ in heard:
    say(*words)
if v5:
    got = heard[1][1].properties
    say(got.ContentType, got.ResponseTopic[len(prefix):], got.CorrelationData.hex(), pairs(got), got.PayloadFormatIndicator,
        *got.SubscriptionIdentifier, truth(90 < got.MessageExpiryInterval <= 100))

b.publish("kept", "k", 1, retain=True)
say("suback", *a.subscribe("kept", 1))
a.hear(1)
if v5:
    a.subscribe("kept", 1, retainHandling=1)
    a.subscribe("kept", 1, retainHandling=2)
b.publish("kept", "k2", 1)
a.hear(1)

a.leave()
b.publish("live/off", "offline1", 1)
b.publish("live/off", "offline2", 2)
a = Peer("a", **stays)
say("present", a.present)
a.hear(2)

will = {"topic": prefix + "live/will", "payload": "died", "qos": 1, "retain": False}
if v5:
    will["properties"] = properties(PacketTypes.WILLMESSAGE, ContentType="will/plain", UserProperty=("w", "1"))
Peer("c", will=will).die()
words, message = a.next()
say(*words, *([message.properties.ContentType, pairs(message.properties)] if v5 else []))

say("unsuback", a.unsubscribe("kept"), a.unsubscribe("kept"))
prefix, real = "forbidden/", prefix
say("suback", *a.subscribe("x", 1))
prefix = real

if v5:
    a.subscribe("own", 1, noLocal=True)
    a.publish("own", "mine", 1)
    b.publish("own", "theirs", 1)
    a.hear(1)

    alias = properties(PacketTypes.PUBLISH, TopicAlias=3)
    b.publish("live/alias", "a1", 1, props=alias)
    b.publish("", "a2", 1, props=alias)
    a.hear(2)

    d = Peer("d")
    shared = "$share/g/" + prefix + "jobs"
    for member in (a, d):
        member.subscribe(shared, 1)
    for i in range(10):
        b.publish("jobs", str(i), 1)
    jobs = sorted(int(member.next()[0][1]) for member in [a, d] * 5)
    say("jobs", *jobs)

    e = Peer("e", MaximumPacketSize=200, ReceiveMaximum=1)
    e.subscribe("sizes", 1)
    b.publish("sizes", "x" * 500, 1)
    for i in range(3):
        b.publish("sizes", "small%d" % i, 1)
    for _ in range(3):
        say(*e.next()[0])

    f = Peer("", will={"topic": prefix + "live/will", "payload": "said", "qos": 1, "retain": False})
    say("assigned", truth(len(f.connack.AssignedClientIdentifier) > 0), "keepalive", f.connack.ServerKeepAlive)
    f.leave(4)
    a.hear(1)
    d.leave()
    e.leave()
b.publish("kept", "", 1, retain=True)
b.leave()
a.leave()
# Nothing of it stays behind.
Peer("a", clean=True).leave()
say("done")

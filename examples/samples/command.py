"""A request and its response, matched by correlation data:

    python3 examples/samples/command.py server vehicle03.env
    python3 examples/samples/command.py client mobile-app.env
"""
import sys
import threading
import uuid

from connection import connect, settings
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

REQUEST = "vehicles/vehicle03/commands/unlock/request"
RESPONSE = "vehicles/vehicle03/commands/unlock/response"


def serve(env):
    client = connect(env)

    def on_message(_client, _data, message):
        properties = Properties(PacketTypes.PUBLISH)
        properties.CorrelationData = message.properties.CorrelationData
        properties.ContentType = message.properties.ContentType
        properties.UserProperty = [("status", "200")]
        print(f"unlock for {message.payload.decode()}", flush=True)
        client.publish(message.properties.ResponseTopic, "unlocked", qos=1, properties=properties)

    client.on_message = on_message
    client.subscribe(REQUEST, qos=1)
    client.loop_forever()


def invoke(env):
    """Asks until it is answered: a vehicle may be out of reach for a while."""
    client = connect(env)
    asked = set()
    answered = threading.Event()

    def on_message(_client, _data, message):
        if bytes(message.properties.CorrelationData) not in asked:
            return
        status = dict(message.properties.UserProperty)["status"]
        print(f"{message.payload.decode()}, status {status}", flush=True)
        answered.set()

    client.on_message = on_message
    client.subscribe(RESPONSE, qos=1)
    client.loop_start()
    while not answered.wait(0.5):
        correlation = uuid.uuid4().bytes
        asked.add(correlation)
        properties = Properties(PacketTypes.PUBLISH)
        properties.CorrelationData = correlation
        properties.ResponseTopic = RESPONSE
        properties.ContentType = "text/plain"
        client.publish(REQUEST, env["MQTT_USERNAME"], qos=1, properties=properties)
    client.disconnect()
    client.loop_stop()


{"server": serve, "client": invoke}[sys.argv[1]](settings(sys.argv[2]))

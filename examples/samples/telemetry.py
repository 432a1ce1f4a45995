"""Vehicles tell where they are, a map hears all of them:

    python3 examples/samples/telemetry.py producer vehicle01.env
    python3 examples/samples/telemetry.py consumer map-app.env
"""
import json
import sys
import time

from connection import connect, settings


def produce(env):
    client = connect(env)
    client.loop_start()
    longitude = 125.6
    while True:
        position = {"type": "Point", "coordinates": [round(longitude, 1), 10.1]}
        client.publish(f"vehicles/{env['MQTT_CLIENT_ID']}/position", json.dumps(position), qos=1)
        longitude += 0.1
        time.sleep(0.2)


def consume(env):
    """Ends when it has heard of two vehicles."""
    client = connect(env)
    seen = {}

    def on_message(_client, _data, message):
        vehicle = message.topic.split("/")[1]
        if vehicle in seen:
            return
        seen[vehicle] = json.loads(message.payload)["coordinates"]
        print(f"{vehicle} is at {seen[vehicle]}", flush=True)
        if len(seen) == 2:
            client.disconnect()

    client.on_message = on_message
    client.subscribe("vehicles/+/position", qos=1)
    client.loop_forever()


{"producer": produce, "consumer": consume}[sys.argv[1]](settings(sys.argv[2]))

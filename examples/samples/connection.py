"""Connection settings from a .env file, by the names that Microsoft's samples use, and a paho client made from them."""
import paho.mqtt.client as mqtt


def settings(path):
    with open(path, encoding="utf-8") as file:
        lines = (line.strip() for line in file)
        return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def connect(env):
    # paho 2 wants to know which form its callbacks have; the first is that of paho 1.
    version = [mqtt.CallbackAPIVersion.VERSION1] if hasattr(mqtt, "CallbackAPIVersion") else []
    client = mqtt.Client(*version, client_id=env.get("MQTT_CLIENT_ID", ""), protocol=mqtt.MQTTv5)
    client.username_pw_set(env["MQTT_USERNAME"])
    # Without a CA file the public CAs are trusted, as at Azure.
    client.tls_set(env.get("MQTT_CA_FILE"), env["MQTT_CERT_FILE"], env["MQTT_KEY_FILE"])

    def on_connect(_client, _data, _flags, reason, _properties=None):
        print(f"{env['MQTT_USERNAME']}: {reason}", flush=True)

    client.on_connect = on_connect
    keep_alive = int(env.get("MQTT_KEEP_ALIVE_IN_SECONDS", "30"))
    client.connect(env["MQTT_HOST_NAME"], int(env.get("MQTT_TCP_PORT", "8883")), keep_alive)
    return client

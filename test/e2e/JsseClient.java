import java.io.FileInputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.List;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/** A TLS client with Java's own key manager: sends what it reads, prints the first four bytes of the answer. */
class JsseClient {
  public static void main(String[] args) throws Exception {
    String host = args[0], caFile = args[2], serverName = args[3], version = args[4], keyStoreFile = args[5];
    int port = Integer.parseInt(args[1]);
    String keyManager = args[6];

    KeyStore trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    try (FileInputStream in = new FileInputStream(caFile)) {
      trusted.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(trusted);

    KeyManager[] keys = null;
    if (!keyStoreFile.isEmpty()) {
      KeyStore store = KeyStore.getInstance("PKCS12");
      try (FileInputStream in = new FileInputStream(keyStoreFile)) {
        store.load(in, "sealgate".toCharArray());
      }
      KeyManagerFactory factory = KeyManagerFactory.getInstance(keyManager);
      factory.init(store, "sealgate".toCharArray());
      keys = factory.getKeyManagers();
    }

    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys, trust.getTrustManagers(), null);
    try (Socket plain = new Socket()) {
      plain.connect(new InetSocketAddress(host, port));
      SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(plain, host, port, true);
      SSLParameters parameters = socket.getSSLParameters();
      parameters.setProtocols(new String[] {version});
      if (!serverName.isEmpty()) parameters.setServerNames(List.of(new SNIHostName(serverName)));
      socket.setSSLParameters(parameters);
      socket.startHandshake();
      socket.getOutputStream().write(System.in.readAllBytes());
      socket.getOutputStream().flush();
      System.out.write(socket.getInputStream().readNBytes(4));
      System.out.flush();
    }
  }
}

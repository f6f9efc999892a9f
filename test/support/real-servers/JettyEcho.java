import java.io.IOException;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import org.eclipse.jetty.alpn.server.ALPNServerConnectionFactory;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.http2.server.HTTP2ServerConnectionFactory;
import org.eclipse.jetty.server.ConnectionFactory;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.SecureRequestCustomizer;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.server.handler.AbstractHandler;
import org.eclipse.jetty.util.ssl.SslContextFactory;

/** Jetty on a port of 127.0.0.1, which says what Tomcat says of a request (its classes of requests have other names). */
public class JettyEcho {
    static class Echo extends AbstractHandler {
        @Override
        public void handle(String path, Request base, HttpServletRequest request, HttpServletResponse answer) throws IOException {
            base.setHandled(true);
            EchoLine told = new EchoLine(base.getMethod(), base.getRequestURI(), base.getQueryString(),
                base.getHeader("host"), base.getHeader("x-case"), base.getHeader("authorization") != null);
            String line = path.startsWith("/ignore") ? told.withoutBody() : told.with(base.getInputStream().readAllBytes());
            System.out.println(line);
            answer.setContentLength(line.length());
            answer.getOutputStream().print(line);
        }
    }

    public static void main(String[] args) throws Exception {
        Server server = new Server();
        ServerConnector connector = new ServerConnector(server, factories(args[1], args[2]));
        connector.setHost("127.0.0.1");
        connector.setPort(Integer.parseInt(args[0]));
        server.addConnector(connector);
        server.setHandler(new Echo());
        server.start();
        server.join();
    }

    private static ConnectionFactory[] factories(String folder, String speaks) {
        HttpConfiguration configuration = new HttpConfiguration();
        if (speaks.equals("HTTP/1.1")) return new ConnectionFactory[] {new HttpConnectionFactory(configuration)};
        if (speaks.equals("h2c")) return new ConnectionFactory[] {new HTTP2CServerConnectionFactory(configuration)};
        configuration.addCustomizer(new SecureRequestCustomizer());
        SslContextFactory.Server ssl = new SslContextFactory.Server();
        ssl.setKeyStorePath(folder + "/key.p12");
        ssl.setKeyStorePassword("changeit");
        ALPNServerConnectionFactory alpn = new ALPNServerConnectionFactory();
        return new ConnectionFactory[] {new SslConnectionFactory(ssl, alpn.getProtocol()), alpn, new HTTP2ServerConnectionFactory(configuration)};
    }
}

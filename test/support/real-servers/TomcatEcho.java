import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.apache.catalina.startup.Tomcat;
import org.apache.coyote.http2.Http2Protocol;
import org.apache.tomcat.util.net.SSLHostConfig;
import org.apache.tomcat.util.net.SSLHostConfigCertificate;

/** Tomcat. Each request that it understood is a line of JSON on stdout, and its answer. */
public class TomcatEcho {
    static class Echo extends HttpServlet {
        /** HTTP/2 has an authority, of which Tomcat makes no field. */
        private static String host(HttpServletRequest request) {
            String field = request.getHeader("host");
            return field == null ? request.getServerName() + ":" + request.getServerPort() : field;
        }

        @Override
        protected void service(HttpServletRequest request, HttpServletResponse answer) throws IOException {
            EchoLine told = new EchoLine(request.getMethod(), request.getRequestURI(), request.getQueryString(),
                host(request), request.getHeader("x-case"), request.getHeader("authorization") != null);
            boolean ignores = request.getRequestURI().startsWith("/ignore");
            String line = ignores ? told.withoutBody() : told.with(request.getInputStream().readAllBytes());
            System.out.println(line);
            byte[] bytes = line.getBytes();
            answer.setContentLength(bytes.length);
            answer.getOutputStream().write(bytes);
        }
    }

    public static void main(String[] args) throws Exception {
        Tomcat tomcat = LocalTomcat.at(args[0], args[1]);
        if (!args[2].equals("HTTP/1.1")) tomcat.getConnector().addUpgradeProtocol(new Http2Protocol());
        if (args[2].equals("HTTP/2")) secure(tomcat, args[1]);
        var context = tomcat.addContext("", null);
        Tomcat.addServlet(context, "echo", new Echo());
        context.addServletMappingDecoded("/", "echo");
        LocalTomcat.serve(tomcat);
    }

    private static void secure(Tomcat tomcat, String folder) {
        var connector = tomcat.getConnector();
        connector.setScheme("https");
        connector.setSecure(true);
        connector.setProperty("SSLEnabled", "true");
        SSLHostConfig host = new SSLHostConfig();
        SSLHostConfigCertificate certificate = new SSLHostConfigCertificate(host, SSLHostConfigCertificate.Type.EC);
        certificate.setCertificateFile(folder + "/cert.pem");
        certificate.setCertificateKeyFile(folder + "/key.pem");
        host.addCertificate(certificate);
        connector.addSslHostConfig(host);
    }
}

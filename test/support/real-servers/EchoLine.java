import java.util.Base64;

/** What an echoing server says of a request: one line of JSON. */
final class EchoLine {
    private final StringBuilder line = new StringBuilder("{");

    EchoLine(String method, String path, String query, String host, String name, boolean hasCredential) {
        add("method", method);
        add("target", query == null ? path : path + "?" + query);
        add("host", host);
        add("case", name);
        line.append("\"credential\":").append(hasCredential);
    }

    String with(byte[] body) {
        return line + ",\"body\":\"" + Base64.getEncoder().encodeToString(body) + "\"}";
    }

    String withoutBody() {
        return line + "}";
    }

    private void add(String name, String value) {
        line.append('"').append(name).append("\":").append(quoted(value)).append(',');
    }

    private static String quoted(String text) {
        if (text == null) return "null";
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) out.append(c < ' ' || c == '"' || c == '\\' || c > '~' ? String.format("\\u%04x", (int) c) : "" + c);
        return out.append('"').toString();
    }
}

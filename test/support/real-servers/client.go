// Go's net/http: for each line of a number, one call and the one behind it, on one connection where that goes on. With a file of
// authorities it calls by HTTP/2 over TLS.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"
)

func main() {
	proxy, _ := url.Parse("http://127.0.0.1:" + os.Args[1])
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), DisableCompression: true}
	base := "http://" + os.Args[2]
	if len(os.Args) > 3 {
		pem, _ := os.ReadFile(os.Args[3])
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
		transport.ForceAttemptHTTP2 = true
		base = "https://" + os.Args[2]
	} else {
		transport.MaxConnsPerHost = 1
	}
	client := &http.Client{Transport: transport, Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(method, path string) map[string]any {
		request, _ := http.NewRequest(method, base+path, nil)
		answer, err := client.Do(request)
		if err != nil {
			return map[string]any{"error": "call: " + err.Error()}
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return map[string]any{"error": "body: " + err.Error()}
		}
		return map[string]any{"status": answer.StatusCode, "body": append([]byte{}, body...)}
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var method, number string
		fmt.Sscan(lines.Text(), &method, &number)
		told, _ := json.Marshal([]any{ask(method, "/answer/"+number), ask("GET", "/canary/"+number)})
		fmt.Println(string(told))
	}
}

// Uploads and downloads through Go's net/http in HTTP/2, both ends read by a bufio.Reader of its ordinary 4 KiB.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func count(body io.Reader) int {
	reader := bufio.NewReader(body)
	buffer := make([]byte, 4096)
	total := 0
	for {
		n, err := io.ReadFull(reader, buffer)
		total += n
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return total
		}
		check(err)
	}
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// serve answers each request with as many octets as its body had; the count goes into a header.
func serve(certFile, keyFile string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	handler := func(w http.ResponseWriter, r *http.Request) {
		n := count(r.Body)
		w.Header().Set("x-read", strconv.Itoa(n))
		w.Header().Set("x-protocol", r.Proto)
		io.CopyN(w, zeros{}, int64(n))
	}
	check(http.ServeTLS(listener, http.HandlerFunc(handler), certFile, keyFile))
}

func call(url, caFile string, bytes int64) {
	pem, err := os.ReadFile(caFile)
	check(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := http.Client{
		Timeout: 60 * time.Second,
		Transport: &http.Transport{
			Proxy:             http.ProxyFromEnvironment,
			TLSClientConfig:   &tls.Config{RootCAs: roots},
			ForceAttemptHTTP2: true,
		},
	}
	request, err := http.NewRequest("POST", url, io.LimitReader(zeros{}, bytes))
	check(err)
	response, err := client.Do(request)
	check(err)
	n := count(response.Body)
	fmt.Println(response.Proto, response.Header.Get("x-protocol"), response.StatusCode, response.Header.Get("x-read"), n)
}

func main() {
	if os.Args[1] == "serve" {
		serve(os.Args[2], os.Args[3])
		return
	}
	bytes, err := strconv.ParseInt(os.Args[4], 10, 64)
	check(err)
	call(os.Args[2], os.Args[3], bytes)
}

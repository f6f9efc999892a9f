// Go's net/http on a port of 127.0.0.1. Each request that it understood is a line of JSON on stdout, and its answer.
package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
)

func main() {
	var one sync.Mutex
	handler := func(w http.ResponseWriter, r *http.Request) {
		told := map[string]any{"method": r.Method, "target": r.RequestURI, "host": r.Host, "case": r.Header.Get("X-Case"), "credential": r.Header.Get("Authorization") != ""}
		if !strings.HasPrefix(r.RequestURI, "/ignore") {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, "", 400)
				return
			}
			told["body"] = body
			if body == nil {
				told["body"] = ""
			}
		}
		line, _ := json.Marshal(told)
		one.Lock()
		os.Stdout.Write(append(line, '\n'))
		one.Unlock()
		w.Header().Set("Content-Length", strconv.Itoa(len(line)))
		w.Write(line)
	}
	address := "127.0.0.1:" + os.Args[1]
	panic(listen(address, http.HandlerFunc(handler)))
}

// Go's net/http on a port of 127.0.0.1: MARKER below /private, files beside.
package main

import (
	"net/http"
	"os"
)

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("/private/", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("MARKER")) })
	mux.HandleFunc("/private", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("MARKER")) })
	mux.Handle("/", http.FileServer(http.Dir(os.Args[2])))
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], mux))
}

package main

import "net/http"

// HTTP/2 alone, in the clear (Go 1.24).
func listen(address string, handler http.Handler) error {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Addr: address, Handler: handler, Protocols: &protocols}
	return server.ListenAndServe()
}

package main

import (
	"net/http"
	"os"
)

// HTTP/2 by ALPN where a folder is named, else HTTP/1.1.
func listen(address string, handler http.Handler) error {
	if len(os.Args) < 3 {
		return http.ListenAndServe(address, handler)
	}
	return http.ListenAndServeTLS(address, os.Args[2]+"/cert.pem", os.Args[2]+"/key.pem", handler)
}

// Puts an object with MinIO's client, which signs in chunks over plain HTTP, and gets it again.
// Arguments: host:port, bytes.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

func main() {
	size, _ := strconv.Atoi(os.Args[2])
	client, err := minio.New(os.Args[1], &minio.Options{
		Creds:        credentials.NewStaticV4("DUMMY", "dummydummy", ""),
		Region:       "us-east-1",
		BucketLookup: minio.BucketLookupPath,
	})
	check(err)
	body := bytes.Repeat([]byte("abcdefg"), size/7)
	options := minio.PutObjectOptions{DisableMultipart: true}
	_, err = client.PutObject(context.Background(), "bucket", "big", bytes.NewReader(body), int64(len(body)), options)
	check(err)
	object, err := client.GetObject(context.Background(), "bucket", "big", minio.GetObjectOptions{})
	check(err)
	got, err := io.ReadAll(object)
	check(err)
	fmt.Println(bytes.Equal(got, body))
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

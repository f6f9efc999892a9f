export const PYTHON = '/usr/bin/python3';

/**
 * A server of grpcio, for `startForeignServer`: its port on the first line, TLS by the files in the folder of its first argument.
 *
 * @param service - The body of `service(self, details)` of its one handler, indented by eight.
 * @param before - What that needs.
 * @param options - Further arguments of `grpc.server`.
 */
export function pythonGrpcServer(service: string, before: string, options = ''): string {
  return `
import grpc, sys
from concurrent import futures
folder = sys.argv[1]
${before}
class Echo(grpc.GenericRpcHandler):
    def service(self, details):
${service}
server = grpc.server(futures.ThreadPoolExecutor(4), ${options})
server.add_generic_rpc_handlers((Echo(),))
read = lambda name: open(folder + "/" + name, "rb").read()
port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(read("key.pem"), read("cert.pem"))]))
server.start()
print(port, flush=True)
server.wait_for_termination()
`;
}

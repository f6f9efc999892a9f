"""httpx by HTTP/2 over TLS: for each line of a number, one call and the one behind it."""
import base64, json, ssl, sys
import httpx

port, authority, ca = int(sys.argv[1]), sys.argv[2], sys.argv[3]
transport = httpx.HTTPTransport(verify=ssl.create_default_context(cafile=ca), http2=True, proxy=httpx.Proxy(f'http://127.0.0.1:{port}'))
client = httpx.Client(transport=transport, timeout=20, trust_env=False)


def ask(method, path):
    try:
        answer = client.request(method, f'https://{authority}{path}', headers={'Accept-Encoding': 'identity'})
        return {'status': answer.status_code, 'body': base64.b64encode(answer.content).decode()}
    except Exception as error:
        return {'error': repr(error)}


for line in sys.stdin:
    method, number = line.split()
    print(json.dumps([ask(method, f'/answer/{number}'), ask('GET', f'/canary/{number}')]), flush=True)

"""Python's http.client: for each line of a number, one call and the one behind it, on one connection where that goes on."""
import base64, http.client, json, sys

port, authority = int(sys.argv[1]), sys.argv[2]


def ask(connection, method, path):
    try:
        connection.request(method, f'http://{authority}{path}', headers={'Host': authority})
        answer = connection.getresponse()
        return {'status': answer.status, 'body': base64.b64encode(answer.read()).decode()}
    except Exception as error:
        connection.close()
        return {'error': type(error).__name__}


connection = http.client.HTTPConnection('127.0.0.1', port, timeout=20)
for line in sys.stdin:
    method, number = line.split()
    told = [ask(connection, method, f'/answer/{number}'), ask(connection, 'GET', f'/canary/{number}')]
    if 'error' in told[1]:
        told[1] = ask(connection, 'GET', f'/canary/{number}')
    print(json.dumps(told), flush=True)

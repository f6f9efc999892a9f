"""Signs every request (a JSON object a line) as botocore does and compares with the signature that it carries."""

import json
import re
import sys
from urllib.parse import quote, unquote

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY = Credentials(sys.argv[1], sys.argv[2])
AUTHORIZATION = re.compile(
    r"^AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)$"
)


def strict(text):
    return quote(unquote(text), safe="-_.~")


def canonical_target(target, service):
    """botocore encodes before it signs; here the target has arrived and is decoded and encoded anew."""
    path, _, query = target.partition("?")
    if service == "s3":
        path = "/".join(strict(segment) for segment in path.split("/"))
    pairs = [piece.partition("=") for piece in query.split("&")] if query else []
    return path, "&".join(f"{strict(name)}={strict(value)}" for name, _, value in pairs)


def signature_of(request):
    region, service, names, given = AUTHORIZATION.match(request["headers"]["authorization"]).groups()
    path, query = canonical_target(request["target"], service)
    url = "https://" + request["headers"]["host"] + path + ("?" + query if query else "")
    headers = {name: request["headers"][name] for name in names.split(";")}
    again = AWSRequest(method=request["method"], url=url, headers=headers, data=request["body"].encode())
    again.context["timestamp"] = request["headers"]["x-amz-date"]
    again.context["payload_signing_enabled"] = True
    auth = (S3SigV4Auth if service == "s3" else SigV4Auth)(KEY, service, region)
    text = auth.string_to_sign(again, auth.canonical_request(again))
    return auth.signature(text, again), given, auth.canonical_request(again)


verified = 0
for line in sys.stdin:
    request = json.loads(line)
    expected, given, canonical = signature_of(request)
    if expected != given:
        sys.exit(f"{request}\n{canonical}\nexpected {expected}")
    verified += 1
print(f"{verified} verified")

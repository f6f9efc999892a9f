<?php
$target = $_SERVER['REQUEST_URI'];
$told = [
    'method' => $_SERVER['REQUEST_METHOD'],
    'target' => $target,
    'host' => $_SERVER['HTTP_HOST'] ?? null,
    'case' => $_SERVER['HTTP_X_CASE'] ?? null,
    'credential' => isset($_SERVER['HTTP_AUTHORIZATION']),
];
if (!str_starts_with($target, '/ignore')) $told['body'] = base64_encode(file_get_contents('php://input'));
$line = json_encode($told, JSON_INVALID_UTF8_SUBSTITUTE);
file_put_contents('php://stdout', "$line\n");
header('Content-Length: ' . strlen($line));
echo $line;

/** Express on a port of 127.0.0.1: MARKER below /private, files beside. */
import express from 'express';

const [, , port, root] = process.argv;
const app = express();
app.use('/private', (_request, response) => response.send('MARKER'));
app.use(express.static(root));
app.use('/public', (_request, response) => response.send('public'));
app.listen(Number(port), '127.0.0.1');

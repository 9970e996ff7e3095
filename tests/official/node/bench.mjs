// Transactions through the official Gateway client, so many in flight at a time.
// Argument: a JSON file with the way in; result: what they took, as JSON on stdout.

import * as grpc from '@grpc/grpc-js';
import { connect, hash, signers } from '@hyperledger/fabric-gateway';
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';

const way = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const credentials = way.tlsRoot
    ? grpc.credentials.createSsl(Buffer.from(way.tlsRoot))
    : grpc.credentials.createInsecure();
const client = new grpc.Client(way.address, credentials);
const gateway = connect({
    client,
    identity: { mspId: way.mspId, credentials: Buffer.from(way.certificate) },
    signer: signers.newPrivateKeySigner(createPrivateKey(way.key)),
    hash: hash.sha256,
});
const contract = gateway.getNetwork(way.channel).getContract(way.chaincode);
const value = 'x'.repeat(200);

/** `count` transactions by `way.inFlight` workers. */
async function run(count, prefix) {
    const each = Math.ceil(count / way.inFlight);
    const worker = async (number) => {
        for (let n = 0; n < each; n += 1) {
            await contract.submitTransaction('put', `${way.prefix}${prefix}${number}-${n}`, value);
        }
    };
    await Promise.all(Array.from({ length: way.inFlight }, (_, number) => worker(number)));
    return each * way.inFlight;
}

await run(way.warmUp, 'w');
const cpu = process.cpuUsage();
const began = process.hrtime.bigint();
const transactions = await run(way.count, 'k');
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
const used = process.cpuUsage(cpu);
gateway.close();
client.close();
process.stdout.write(
    JSON.stringify({ transactions, seconds, cpuSeconds: (used.user + used.system) / 1e6 }) + '\n',
);

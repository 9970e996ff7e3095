// What an application does with the official Gateway client, one step after another.
// Argument: a JSON file with the way in; result: a JSON object of step -> what came of it, on stdout.

import * as grpc from '@grpc/grpc-js';
import { checkpointers, connect, hash, signers } from '@hyperledger/fabric-gateway';
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';

const way = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const client = new grpc.Client(way.address, grpc.credentials.createSsl(Buffer.from(way.tlsRoot)));
const sign = signers.newPrivateKeySigner(createPrivateKey(way.key));
const identity = { mspId: way.mspId, credentials: Buffer.from(way.certificate) };
const within = (milliseconds) => () => ({ deadline: Date.now() + milliseconds });
const options = {
    client,
    identity,
    hash: hash.sha256,
    evaluateOptions: within(15000),
    endorseOptions: within(15000),
    submitOptions: within(15000),
    commitStatusOptions: within(30000),
};
const gateway = connect({ ...options, signer: sign });
const offline = connect(options);
const network = gateway.getNetwork(way.channel);
const contract = network.getContract(way.chaincode);
const text = (bytes) => Buffer.from(bytes).toString();
const transient = { value: JSON.stringify('secret') };
const key = way.key_prefix;

/** The first `count` items of a stream, which is closed. */
async function take(stream, count, wanted = () => true) {
    const found = [];
    try {
        for await (const item of stream) {
            if (wanted(item)) found.push(item);
            if (found.length === count) break;
        }
    } finally {
        stream.close();
    }
    return found;
}

/** What an error says, as plain data. */
function described(error) {
    return {
        name: error.constructor.name.replace(/Error$/, ''),
        code: error.code,
        status: grpc.status[error.cause?.code] ?? null,
        details: error.details?.map(({ mspId, message }) => ({ mspId, message })),
    };
}

async function refused(action) {
    try {
        await action();
    } catch (error) {
        return described(error);
    }
    return null;
}

const steps = {
    async evaluate() {
        return JSON.parse(text(await contract.evaluateTransaction('whoami')));
    },
    async submit() {
        return text(await contract.submitTransaction('put', `${key}1`, 'one'));
    },
    async read() {
        return text(await contract.evaluateTransaction('get', `${key}1`));
    },
    async submitAsync() {
        const commit = await contract.submitAsync('put', { arguments: [`${key}2`, 'two'] });
        const status = await commit.getStatus();
        return { result: text(commit.getResult()), successful: status.successful, code: status.code };
    },
    async chaincodeRefusesEvaluate() {
        return refused(() => contract.evaluateTransaction('get', `${key}none`));
    },
    async chaincodeRefusesSubmit() {
        return refused(() => contract.submitTransaction('refuse', 'NOT_TODAY'));
    },
    async unknownChaincode() {
        return refused(() => network.getContract('nothing').submitTransaction('put', 'a', 'b'));
    },
    async oneParty() {
        return refused(() =>
            contract.submit('put', { arguments: [`${key}3`, 'x'], endorsingOrganizations: [way.mspId] }),
        );
    },
    async privateData() {
        await contract.submit('share', {
            arguments: [way.collection, `${key}p`],
            transientData: transient,
            endorsingOrganizations: way.parties,
        });
        return text(await contract.evaluateTransaction('shared', way.collection, `${key}p`));
    },
    async offlineSigning() {
        const unsigned = offline.getNetwork(way.channel).getContract(way.chaincode).newProposal('put', {
            arguments: [`${key}4`, 'four'],
        });
        const proposal = offline.newSignedProposal(unsigned.getBytes(), await sign(unsigned.getDigest()));
        const endorsed = await proposal.endorse();
        const transaction = offline.newSignedTransaction(
            endorsed.getBytes(),
            await sign(endorsed.getDigest()),
        );
        const submitted = await transaction.submit();
        const commit = offline.newSignedCommit(submitted.getBytes(), await sign(submitted.getDigest()));
        const status = await commit.getStatus();
        return { successful: status.successful, sameId: status.transactionId === proposal.getTransactionId() };
    },
    async deadline() {
        const proposal = contract.newProposal('whoami');
        return refused(() => proposal.evaluate({ deadline: Date.now() - 1 }));
    },
    async chaincodeEvents() {
        const events = await network.getChaincodeEvents(way.chaincode, { startBlock: BigInt(0) });
        const mine = await take(events, 3, (event) => text(event.payload).startsWith(key));
        return mine.map((event) => [event.eventName, text(event.payload).slice(key.length)]);
    },
    async resumedEvents() {
        const checkpointer = checkpointers.inMemory();
        const seen = await network.getChaincodeEvents(way.chaincode, { startBlock: BigInt(0) });
        const [first] = await take(seen, 1, (event) => text(event.payload) === `${key}1`);
        await checkpointer.checkpointChaincodeEvent(first);
        const again = await network.getChaincodeEvents(way.chaincode, { checkpoint: checkpointer });
        const [next] = await take(again, 1);
        return text(next.payload).slice(key.length);
    },
    async newEvents() {
        const events = await network.getChaincodeEvents(way.chaincode);
        const [received] = await Promise.all([
            take(events, 1, (event) => event.eventName === key),
            contract.submitTransaction('announce', key, 'hello'),
        ]);
        return text(received[0].payload);
    },
    async blockEvents() {
        const blocks = await network.getBlockEvents({ startBlock: BigInt(0) });
        const [first, second] = await take(blocks, 2);
        const numbers = [first, second].map((block) => Number(block.getHeader().getNumber()));
        return { numbers, slots: second.getMetadata().getMetadataList().length };
    },
    async filteredBlockEvents() {
        const blocks = await network.getFilteredBlockEvents({ startBlock: BigInt(0) });
        const [first] = await take(blocks, 1);
        return { channel: first.getChannelId(), number: Number(first.getNumber()) };
    },
    async blockAndPrivateDataEvents() {
        const blocks = await network.getBlockAndPrivateDataEvents({ startBlock: BigInt(0) });
        const found = await take(blocks, 1, (block) => block.getPrivateDataMapMap().getLength() > 0);
        return found.length;
    },
};

const results = {};
try {
    for (const [name, step] of Object.entries(steps)) {
        results[name] = await step();
    }
} finally {
    gateway.close();
    offline.close();
    client.close();
}
process.stdout.write(JSON.stringify(results) + '\n');

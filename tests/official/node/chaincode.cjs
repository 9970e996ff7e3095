// A chaincode on the official Node runtime, served to peers: what each call asks of the shim.
// Argument: a JSON file with the package's id, the address to listen on and the TLS files.

'use strict';

const { readFileSync } = require('node:fs');
const shim = require('fabric-shim');

const way = JSON.parse(readFileSync(process.argv[2], 'utf8'));

/** Every item of an iterator, which is closed. */
async function all(iterator) {
    const items = [];
    for (let step = await iterator.next(); !step.done; step = await iterator.next()) {
        items.push(step.value);
    }
    await iterator.close();
    return items;
}

const functions = {
    async put(stub, key, value) {
        await stub.putState(key, Buffer.from(value));
        stub.setEvent('put', Buffer.from(key));
        return key;
    },
    async get(stub, key) {
        const value = await stub.getState(key);
        if (value.length === 0) throw new Error(`there is no ${key}`);
        return value.toString();
    },
    async remove(stub, key) {
        await stub.deleteState(key);
    },
    async keys(stub, start, end) {
        return (await all(await stub.getStateByRange(start, end))).map((each) => each.key);
    },
    async page(stub, start, end, size, bookmark) {
        const { iterator, metadata } = await stub.getStateByRangeWithPagination(start, end, Number(size), bookmark);
        const keys = (await all(iterator)).map((each) => each.key);
        return { keys, bookmark: metadata.bookmark, count: metadata.fetchedRecordsCount };
    },
    async composite(stub, kind, first) {
        await stub.putState(stub.createCompositeKey(kind, [first, 'x']), Buffer.from('1'));
        await stub.putState(stub.createCompositeKey(kind, [first, 'y']), Buffer.from('2'));
    },
    async composites(stub, kind, first) {
        const found = await all(await stub.getStateByPartialCompositeKey(kind, [first]));
        return found.map((each) => stub.splitCompositeKey(each.key).attributes);
    },
    async changes(stub, key) {
        const found = await all(await stub.getHistoryForKey(key));
        return found.map((each) => (each.isDelete ? 'deleted' : Buffer.from(each.value).toString()));
    },
    async share(stub, collection, key) {
        await stub.putPrivateData(collection, key, Buffer.from(stub.getTransient().get('value')));
    },
    async shared(stub, collection, key) {
        return (await stub.getPrivateData(collection, key)).toString();
    },
    async sharedHash(stub, collection, key) {
        return Buffer.from(await stub.getPrivateDataHash(collection, key)).toString('hex');
    },
    async purge(stub, collection, key) {
        await stub.purgePrivateData(collection, key);
    },
    async lock(stub, key, organization) {
        const policy = new shim.KeyEndorsementPolicy();
        policy.addOrgs('PEER', organization);
        await stub.setStateValidationParameter(key, policy.getPolicy());
    },
    async who(stub) {
        const identity = new shim.ClientIdentity(stub);
        return { mspId: identity.getMSPID(), role: identity.getAttributeValue('role'), channel: stub.getChannelID() };
    },
    async other(stub, chaincode, name, key) {
        const answer = await stub.invokeChaincode(chaincode, [name, key], '');
        return answer.payload.toString();
    },
    async refuse() {
        throw new Error('as asked');
    },
};

class Records {
    async Init() {
        return shim.success();
    }

    async Invoke(stub) {
        const { fcn, params } = stub.getFunctionAndParameters();
        try {
            const result = await functions[fcn](stub, ...params);
            return shim.success(Buffer.from(JSON.stringify(result ?? null)));
        } catch (error) {
            return shim.error(Buffer.from(error.message));
        }
    }
}

const server = shim.server(new Records(), {
    ccid: way.packageId,
    address: way.address,
    tlsProps: { key: readFileSync(way.key), cert: readFileSync(way.certificate) },
});
server.start().then(() => process.stdout.write('ready\n'));

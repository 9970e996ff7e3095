// Reads a chaincode's metadata with the official Node runtime, as it reads a contract's own: by the schema of
// fabric-contract-api, then each call's arguments by the types that the metadata gives.
// Argument: a JSON file with the metadata's path, calls [contract, function, [argument…]] and the path of the
// answer: the runtime logs on stdout.

'use strict';

const { readFileSync, writeFileSync } = require('node:fs');
const Bootstrap = require('fabric-shim/lib/contract-spi/bootstrap');
const ChaincodeFromContract = require('fabric-shim/lib/contract-spi/chaincodefromcontract');
const DataMarshall = require('fabric-shim/lib/contract-spi/datamarshall');
const { JSONSerializer } = require('fabric-contract-api');

const way = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const metadata = Bootstrap.loadAndValidateMetadata(way.metadata);
const schemas = Object.values(metadata.components.schemas);
const validators = ChaincodeFromContract.prototype._ajv(schemas);
for (const schema of schemas) {
    if (!validators.getSchema(schema.$id)) {
        throw new Error(`no validator for ${schema.$id}`);
    }
}
// As its own handleParameters compiles them; only what it makes of objects needs their classes in JavaScript.
const { ajv } = new DataMarshall('json', { json: JSONSerializer }, metadata.components.schemas);

function taken([contract, name, args]) {
    const { parameters } = metadata.contracts[contract].transactions.find((one) => one.name === name);
    return parameters.length === args.length && parameters.every(({ schema }, place) => {
        const text = schema.type === 'string';
        const validate = ajv.compile({ properties: { prop: schema }, components: metadata.components });
        return validate({ prop: text ? args[place] : JSON.parse(args[place]) });
    });
}

const contracts = {};
for (const [name, contract] of Object.entries(metadata.contracts)) {
    contracts[name] = contract.transactions.map((one) => one.name);
}
writeFileSync(way.answer, JSON.stringify({ contracts, calls: way.calls.map(taken) }));

// Reads a chaincode's metadata with the official contract API for Go, as it reads a contract's own: from the
// file in META-INF beside the program, then by its schema, then each type.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/hyperledger/fabric-contract-api-go/v2/metadata"
)

func main() {
	read, err := metadata.ReadMetadataFile()
	if err != nil {
		log.Fatal(err)
	}
	if err := metadata.ValidateAgainstSchema(read); err != nil {
		log.Fatal(err)
	}
	if err := read.CompileSchemas(); err != nil {
		log.Fatal(err)
	}
	contracts := map[string][]string{}
	for name, contract := range read.Contracts {
		for _, transaction := range contract.Transactions {
			contracts[name] = append(contracts[name], transaction.Name)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]any{"contracts": contracts}); err != nil {
		log.Fatal(err)
	}
}

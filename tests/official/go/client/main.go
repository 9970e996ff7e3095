// What an application does with the official Gateway client, one step after another.
// Argument: a JSON file with the way in; result: a JSON object of step -> what came of it, on stdout.
package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"github.com/hyperledger/fabric-gateway/pkg/identity"
	"github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

type wayIn struct {
	Address     string   `json:"address"`
	TLSRoot     string   `json:"tlsRoot"`
	MspID       string   `json:"mspId"`
	Certificate string   `json:"certificate"`
	Key         string   `json:"key"`
	Channel     string   `json:"channel"`
	Chaincode   string   `json:"chaincode"`
	Collection  string   `json:"collection"`
	Parties     []string `json:"parties"`
	KeyPrefix   string   `json:"key_prefix"`
}

type answers map[string]any

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// described says what an error says, as plain data.
func described(err error) answers {
	var endorse *client.EndorseError
	var commit *client.CommitError
	said := answers{"name": "Gateway"}
	switch {
	case errors.As(err, &commit):
		return answers{"name": "Commit", "code": int(commit.Code)}
	case errors.As(err, &endorse):
		said["name"] = "Endorse"
	}
	answer, _ := status.FromError(err)
	said["status"] = code.Code(answer.Code()).String()
	details := []answers{}
	for _, detail := range answer.Details() {
		if each, ok := detail.(*gateway.ErrorDetail); ok {
			details = append(details, answers{"mspId": each.GetMspId(), "message": each.GetMessage()})
		}
	}
	said["details"] = details
	return said
}

// take gives the first items of a channel that are wanted.
func take[T any](items <-chan T, count int, wanted func(T) bool) []T {
	found := []T{}
	for item := range items {
		if wanted(item) {
			found = append(found, item)
		}
		if len(found) == count {
			break
		}
	}
	return found
}

func any1[T any](T) bool { return true }

func main() {
	var way wayIn
	if err := json.Unmarshal(must(os.ReadFile(os.Args[1])), &way); err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(way.TLSRoot))
	connection := must(grpc.NewClient(
		"dns:///"+way.Address, grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(roots, "")),
	))
	defer connection.Close()
	certificate := must(identity.CertificateFromPEM([]byte(way.Certificate)))
	who := must(identity.NewX509Identity(way.MspID, certificate))
	sign := must(identity.NewPrivateKeySign(must(identity.PrivateKeyFromPEM([]byte(way.Key)))))
	online := must(client.Connect(
		who, client.WithSign(sign), client.WithHash(hash.SHA256), client.WithClientConnection(connection),
		client.WithEndorseTimeout(15*time.Second), client.WithCommitStatusTimeout(30*time.Second),
	))
	defer online.Close()
	offline := must(client.Connect(who, client.WithHash(hash.SHA256), client.WithClientConnection(connection)))
	defer offline.Close()
	network := online.GetNetwork(way.Channel)
	contract := network.GetContract(way.Chaincode)
	key := way.KeyPrefix
	said := answers{}

	var caller answers
	if err := json.Unmarshal(must(contract.EvaluateTransaction("whoami")), &caller); err != nil {
		panic(err)
	}
	said["evaluate"] = caller
	said["submit"] = string(must(contract.SubmitTransaction("put", key+"1", "one")))
	said["read"] = string(must(contract.EvaluateTransaction("get", key+"1")))

	result, commit, err := contract.SubmitAsync("put", client.WithArguments(key+"2", "two"))
	if err != nil {
		panic(err)
	}
	state := must(commit.Status())
	said["submitAsync"] = answers{"result": string(result), "successful": state.Successful, "code": int(state.Code)}

	_, err = contract.EvaluateTransaction("get", key+"none")
	said["chaincodeRefusesEvaluate"] = described(err)
	_, err = contract.SubmitTransaction("refuse", "NOT_TODAY")
	said["chaincodeRefusesSubmit"] = described(err)
	_, err = network.GetContract("nothing").SubmitTransaction("put", "a", "b")
	said["unknownChaincode"] = described(err)
	_, err = contract.Submit("put", client.WithArguments(key+"3", "x"), client.WithEndorsingOrganizations(way.MspID))
	said["oneParty"] = described(err)

	must(contract.Submit(
		"share", client.WithArguments(way.Collection, key+"p"),
		client.WithTransient(map[string][]byte{"value": []byte(`"secret"`)}),
		client.WithEndorsingOrganizations(way.Parties...),
	))
	said["privateData"] = string(must(contract.EvaluateTransaction("shared", way.Collection, key+"p")))

	unsigned := must(offline.GetNetwork(way.Channel).GetContract(way.Chaincode).NewProposal(
		"put", client.WithArguments(key+"4", "four"),
	))
	proposal := must(offline.NewSignedProposal(must(unsigned.Bytes()), must(sign(unsigned.Digest()))))
	endorsed := must(proposal.Endorse())
	transaction := must(offline.NewSignedTransaction(must(endorsed.Bytes()), must(sign(endorsed.Digest()))))
	submitted := must(transaction.Submit())
	signed := must(offline.NewSignedCommit(must(submitted.Bytes()), must(sign(submitted.Digest()))))
	state = must(signed.Status())
	said["offlineSigning"] = answers{
		"successful": state.Successful, "sameId": state.TransactionID == proposal.TransactionID(),
	}

	late, stop := context.WithTimeout(context.Background(), 0)
	_, err = contract.EvaluateWithContext(late, "whoami")
	said["deadline"] = described(err)
	stop()

	following, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	events := must(network.ChaincodeEvents(following, way.Chaincode, client.WithStartBlock(0)))
	listed := [][]string{}
	var first *client.ChaincodeEvent
	mine := func(event *client.ChaincodeEvent) bool { return strings.HasPrefix(string(event.Payload), key) }
	for _, event := range take(events, 3, mine) {
		if first == nil {
			first = event
		}
		listed = append(listed, []string{event.EventName, strings.TrimPrefix(string(event.Payload), key)})
	}
	said["chaincodeEvents"] = listed

	checkpointer := new(client.InMemoryCheckpointer)
	checkpointer.CheckpointChaincodeEvent(first)
	again := must(network.ChaincodeEvents(following, way.Chaincode, client.WithCheckpoint(checkpointer)))
	said["resumedEvents"] = strings.TrimPrefix(string(take(again, 1, any1)[0].Payload), key)

	fresh := must(network.ChaincodeEvents(following, way.Chaincode))
	must(contract.SubmitTransaction("announce", key, "hello"))
	named := func(event *client.ChaincodeEvent) bool { return event.EventName == key }
	said["newEvents"] = string(take(fresh, 1, named)[0].Payload)

	blocks := take(must(network.BlockEvents(following, client.WithStartBlock(0))), 2, any1)
	said["blockEvents"] = answers{
		"numbers": []uint64{blocks[0].GetHeader().GetNumber(), blocks[1].GetHeader().GetNumber()},
		"slots":   len(blocks[1].GetMetadata().GetMetadata()),
	}
	filtered := take(must(network.FilteredBlockEvents(following, client.WithStartBlock(0))), 1, any1)[0]
	said["filteredBlockEvents"] = answers{"channel": filtered.GetChannelId(), "number": filtered.GetNumber()}
	private := 0
	for block := range must(network.BlockAndPrivateDataEvents(following, client.WithStartBlock(0))) {
		if len(block.GetPrivateDataMap()) > 0 {
			private++
			break
		}
	}
	said["blockAndPrivateDataEvents"] = private

	fmt.Println(string(must(json.Marshal(said))))
}

// A chaincode on the official Go runtime, served to peers: what each call asks of the shim.
// Argument: a JSON file with the package's id, the address to listen on and the TLS files.
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/cid"
	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/statebased"
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/queryresult"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

type wayIn struct {
	PackageID   string `json:"packageId"`
	Address     string `json:"address"`
	Key         string `json:"key"`
	Certificate string `json:"certificate"`
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// all gives every item of an iterator, which is closed.
func all(iterator shim.StateQueryIteratorInterface) []*queryresult.KV {
	defer iterator.Close()
	items := []*queryresult.KV{}
	for iterator.HasNext() {
		items = append(items, must(iterator.Next()))
	}
	return items
}

func keys(items []*queryresult.KV) []string {
	found := []string{}
	for _, item := range items {
		found = append(found, item.Key)
	}
	return found
}

type call func(stub shim.ChaincodeStubInterface, with []string) (any, error)

var functions = map[string]call{
	"put": func(stub shim.ChaincodeStubInterface, with []string) (any, error) {
		if err := stub.PutState(with[0], []byte(with[1])); err != nil {
			return nil, err
		}
		return with[0], stub.SetEvent("put", []byte(with[0]))
	},
	"get": func(stub shim.ChaincodeStubInterface, with []string) (any, error) {
		value, err := stub.GetState(with[0])
		return string(value), err
	},
	"remove": func(stub shim.ChaincodeStubInterface, with []string) (any, error) {
		return nil, stub.DelState(with[0])
	},
	"keys": func(stub shim.ChaincodeStubInterface, with []string) (any, error) {
		return keys(all(must(stub.GetStateByRange(with[0], with[1])))), nil
	},
	"page": func(stub shim.ChaincodeStubInterface, with []string) (any, error) {
		size := must(strconv.Atoi(with[2]))
		iterator, metadata, err := stub.GetStateByRangeWithPagination(with[0], with[1], int32(size), with[3])
		if err != nil {
			return nil, err
		}
		return map[string]any{
			"keys": keys(all(iterator)), "bookmark": metadata.Bookmark, "count": metadata.FetchedRecordsCount,
		}, nil
	},
	"composite": func(stub shim.ChaincodeStubInterface, with []string) (any, error) {
		for _, last := range []string{"x", "y"} {
			if err := stub.PutState(must(stub.CreateCompositeKey(with[0], []string{with[1], last})), []byte("1")); err != nil {
				return nil, err
			}
		}
		return nil, nil
	},
	"composites": func(stub shim.ChaincodeStubInterface, with []string) (any, error) {
		found := [][]string{}
		for _, item := range all(must(stub.GetStateByPartialCompositeKey(with[0], with[1:]))) {
			_, parts, err := stub.SplitCompositeKey(item.Key)
			if err != nil {
				return nil, err
			}
			found = append(found, parts)
		}
		return found, nil
	},
	"changes": func(stub shim.ChaincodeStubInterface, with []string) (any, error) {
		iterator := must(stub.GetHistoryForKey(with[0]))
		defer iterator.Close()
		found := []string{}
		for iterator.HasNext() {
			change := must(iterator.Next())
			if change.IsDelete {
				found = append(found, "deleted")
			} else {
				found = append(found, string(change.Value))
			}
		}
		return found, nil
	},
	"share": func(stub shim.ChaincodeStubInterface, with []string) (any, error) {
		return nil, stub.PutPrivateData(with[0], with[1], must(stub.GetTransient())["value"])
	},
	"shared": func(stub shim.ChaincodeStubInterface, with []string) (any, error) {
		value, err := stub.GetPrivateData(with[0], with[1])
		return string(value), err
	},
	"sharedHash": func(stub shim.ChaincodeStubInterface, with []string) (any, error) {
		value, err := stub.GetPrivateDataHash(with[0], with[1])
		return hex.EncodeToString(value), err
	},
	"purge": func(stub shim.ChaincodeStubInterface, with []string) (any, error) {
		return nil, stub.PurgePrivateData(with[0], with[1])
	},
	"lock": func(stub shim.ChaincodeStubInterface, with []string) (any, error) {
		policy := must(statebased.NewStateEP(nil))
		if err := policy.AddOrgs(statebased.RoleTypePeer, with[1]); err != nil {
			return nil, err
		}
		return nil, stub.SetStateValidationParameter(with[0], must(policy.Policy()))
	},
	"who": func(stub shim.ChaincodeStubInterface, _ []string) (any, error) {
		identity := must(cid.New(stub))
		role, _, err := identity.GetAttributeValue("role")
		return map[string]string{
			"mspId": must(identity.GetMSPID()), "role": role, "channel": stub.GetChannelID(),
		}, err
	},
	"other": func(stub shim.ChaincodeStubInterface, with []string) (any, error) {
		answer := stub.InvokeChaincode(with[0], [][]byte{[]byte(with[1]), []byte(with[2])}, "")
		return string(answer.Payload), nil
	},
}

type records struct{}

func (records) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }

func (records) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	name, with := stub.GetFunctionAndParameters()
	result, err := functions[name](stub, with)
	if err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success(must(json.Marshal(result)))
}

func main() {
	var way wayIn
	if err := json.Unmarshal(must(os.ReadFile(os.Args[1])), &way); err != nil {
		panic(err)
	}
	server := &shim.ChaincodeServer{
		CCID:    way.PackageID,
		Address: way.Address,
		CC:      records{},
		TLSProps: shim.TLSProperties{
			Key: must(os.ReadFile(way.Key)), Cert: must(os.ReadFile(way.Certificate)),
		},
	}
	fmt.Println("ready")
	if err := server.Start(); err != nil {
		panic(err)
	}
}

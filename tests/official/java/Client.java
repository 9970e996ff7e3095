// What an application does with the official Gateway client, one step after another.
// Argument: a JSON file with the way in; result: a JSON object of step -> what came of it, on stdout.

import com.google.gson.Gson;
import com.google.gson.JsonParser;
import io.grpc.ManagedChannel;
import io.grpc.TlsChannelCredentials;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import java.io.ByteArrayInputStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.hyperledger.fabric.client.ChaincodeEvent;
import org.hyperledger.fabric.client.CloseableIterator;
import org.hyperledger.fabric.client.CommitException;
import org.hyperledger.fabric.client.Contract;
import org.hyperledger.fabric.client.Gateway;
import org.hyperledger.fabric.client.GatewayException;
import org.hyperledger.fabric.client.Hash;
import org.hyperledger.fabric.client.InMemoryCheckpointer;
import org.hyperledger.fabric.client.Network;
import org.hyperledger.fabric.client.identity.Identities;
import org.hyperledger.fabric.client.identity.Signers;
import org.hyperledger.fabric.client.identity.X509Identity;

public final class Client {
    private record Way(
            String address, String tlsRoot, String mspId, String certificate, String key, String channel,
            String chaincode, String collection, List<String> parties, String key_prefix) {}

    private interface Action {
        void run() throws Exception;
    }

    /** What an error says, as plain data. */
    private static Object refused(Action action) throws Exception {
        try {
            action.run();
        } catch (CommitException error) {
            return Map.of("name", "Commit", "code", error.getCode().getNumber());
        } catch (GatewayException error) {
            List<Object> details = new ArrayList<>();
            error.getDetails().forEach(
                    each -> details.add(Map.of("mspId", each.getMspId(), "message", each.getMessage())));
            return Map.of(
                    "name", error.getClass().getSimpleName().replace("Exception", ""),
                    "status", error.getStatus().getCode().name(),
                    "details", details);
        }
        return "not refused";
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private static <T> List<T> take(CloseableIterator<T> items, int count, java.util.function.Predicate<T> wanted) {
        List<T> found = new ArrayList<>();
        try (items) {
            while (found.size() < count) {
                T item = items.next();
                if (wanted.test(item)) {
                    found.add(item);
                }
            }
        }
        return found;
    }

    public static void main(String[] arguments) throws Exception {
        Way way = new Gson().fromJson(Files.readString(Path.of(arguments[0])), Way.class);
        ManagedChannel connection = NettyChannelBuilder.forTarget(
                        "dns:///" + way.address(),
                        TlsChannelCredentials.newBuilder()
                                .trustManager(new ByteArrayInputStream(way.tlsRoot().getBytes()))
                                .build())
                .build();
        var who = new X509Identity(way.mspId(), Identities.readX509Certificate(new StringReader(way.certificate())));
        var signer = Signers.newPrivateKeySigner(Identities.readPrivateKey(new StringReader(way.key())));
        var options = Gateway.newInstance().identity(who).hash(Hash.SHA256).connection(connection);
        Map<String, Object> said = new LinkedHashMap<>();
        try (Gateway offline = options.connect();
                Gateway gateway = options.signer(signer).connect()) {
            Network network = gateway.getNetwork(way.channel());
            Contract contract = network.getContract(way.chaincode());
            String key = way.key_prefix();

            said.put("evaluate", JsonParser.parseString(text(contract.evaluateTransaction("whoami"))));
            said.put("submit", text(contract.submitTransaction("put", key + "1", "one")));
            said.put("read", text(contract.evaluateTransaction("get", key + "1")));
            var pending = contract.newProposal("put").addArguments(key + "2", "two").build().endorse().submitAsync();
            var status = pending.getStatus();
            said.put("submitAsync", Map.of(
                    "result", text(pending.getResult()),
                    "successful", status.isSuccessful(),
                    "code", status.getCode().getNumber()));

            said.put("chaincodeRefusesEvaluate", refused(() -> contract.evaluateTransaction("get", key + "none")));
            said.put("chaincodeRefusesSubmit", refused(() -> contract.submitTransaction("refuse", "NOT_TODAY")));
            said.put("unknownChaincode",
                    refused(() -> network.getContract("nothing").submitTransaction("put", "a", "b")));
            said.put("oneParty", refused(() -> contract.newProposal("put").addArguments(key + "3", "x")
                    .setEndorsingOrganizations(way.mspId()).build().endorse().submit()));
            said.put("deadline", refused(() -> contract.newProposal("whoami").build()
                    .evaluate(call -> call.withDeadlineAfter(-1, TimeUnit.SECONDS))));

            contract.newProposal("share").addArguments(way.collection(), key + "p")
                    .putTransient("value", "\"secret\"")
                    .setEndorsingOrganizations(way.parties().toArray(String[]::new))
                    .build().endorse().submit();
            said.put("privateData", text(contract.evaluateTransaction("shared", way.collection(), key + "p")));

            var unsigned = offline.getNetwork(way.channel()).getContract(way.chaincode())
                    .newProposal("put").addArguments(key + "4", "four").build();
            var proposal = offline.newSignedProposal(unsigned.getBytes(), signer.sign(unsigned.getDigest()));
            var endorsed = proposal.endorse();
            var transaction = offline.newSignedTransaction(endorsed.getBytes(), signer.sign(endorsed.getDigest()));
            var submitted = transaction.submitAsync();
            var commit = offline.newSignedCommit(submitted.getBytes(), signer.sign(submitted.getDigest()));
            said.put("offlineSigning", Map.of(
                    "successful", commit.getStatus().isSuccessful(),
                    "sameId", commit.getTransactionId().equals(proposal.getTransactionId())));

            List<List<String>> listed = new ArrayList<>();
            List<ChaincodeEvent> mine = take(
                    network.newChaincodeEventsRequest(way.chaincode()).startBlock(0).build().getEvents(),
                    3, event -> text(event.getPayload()).startsWith(key));
            mine.forEach(event -> listed.add(
                    List.of(event.getEventName(), text(event.getPayload()).substring(key.length()))));
            said.put("chaincodeEvents", listed);

            InMemoryCheckpointer checkpointer = new InMemoryCheckpointer();
            checkpointer.checkpointChaincodeEvent(mine.get(0));
            var again = network.newChaincodeEventsRequest(way.chaincode()).checkpoint(checkpointer).build();
            said.put("resumedEvents", text(take(again.getEvents(), 1, event -> true).get(0).getPayload())
                    .substring(key.length()));

            var fresh = network.getChaincodeEvents(way.chaincode());
            contract.submitTransaction("announce", key, "hello");
            said.put("newEvents",
                    text(take(fresh, 1, event -> event.getEventName().equals(key)).get(0).getPayload()));

            var blocks = take(network.newBlockEventsRequest().startBlock(0).build().getEvents(), 2, block -> true);
            said.put("blockEvents", Map.of(
                    "numbers", List.of(blocks.get(0).getHeader().getNumber(), blocks.get(1).getHeader().getNumber()),
                    "slots", blocks.get(1).getMetadata().getMetadataCount()));
            var filtered = take(
                    network.newFilteredBlockEventsRequest().startBlock(0).build().getEvents(), 1, block -> true)
                    .get(0);
            said.put("filteredBlockEvents",
                    Map.of("channel", filtered.getChannelId(), "number", filtered.getNumber()));
            said.put("blockAndPrivateDataEvents", take(
                    network.newBlockAndPrivateDataEventsRequest().startBlock(0).build().getEvents(),
                    1, block -> block.getPrivateDataMapCount() > 0).size());
        }
        connection.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
        System.out.println(new Gson().toJson(said));
    }
}

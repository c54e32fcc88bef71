import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.cert.Certificate;
import java.util.Map;
import java.util.Set;
import org.apache.cassandra.auth.AuthenticatedUser;
import org.apache.cassandra.auth.IAuthenticator;
import org.apache.cassandra.auth.IInternodeAuthenticator;
import org.apache.cassandra.auth.IResource;
import org.apache.cassandra.exceptions.AuthenticationException;
import org.apache.cassandra.exceptions.ConfigurationException;

/** Accepts only the endpoint, which can read the password file. Refuses every other client and every other node. */
public final class EndpointOnly implements IAuthenticator, IInternodeAuthenticator {
    private final byte[] expected;

    /** Cassandra calls this constructor once for clients and once for nodes, with the parameters in cassandra.yaml. */
    public EndpointOnly(Map<String, String> parameters) throws IOException {
        String password = Files.readString(Path.of(parameters.get("password_file")));
        expected = ("\0endpoint\0" + password).getBytes(StandardCharsets.UTF_8);
    }

    @Override
    public boolean requireAuthentication() {
        return true;
    }

    @Override
    public SaslNegotiator newSaslNegotiator(InetAddress client) {
        return new Plain();
    }

    /** The SASL mechanism PLAIN, in one message. */
    private final class Plain implements SaslNegotiator {
        private boolean complete;

        @Override
        public byte[] evaluateResponse(byte[] response) {
            if (!MessageDigest.isEqual(expected, response)) {
                throw new AuthenticationException("only the endpoint may sign in");
            }
            complete = true;
            return null;
        }

        @Override
        public boolean isComplete() {
            return complete;
        }

        /** Returns the anonymous user, which needs no role in the data: earlier versions wrote no roles. */
        @Override
        public AuthenticatedUser getAuthenticatedUser() {
            if (!complete) {
                throw new AuthenticationException("not signed in");
            }
            return AuthenticatedUser.ANONYMOUS_USER;
        }
    }

    @Override
    public boolean authenticate(
            InetAddress node, int port, Certificate[] certificates, InternodeConnectionDirection direction) {
        return false;
    }

    @Override
    public Set<? extends IResource> protectedResources() {
        return Set.of();
    }

    @Override
    public AuthenticatedUser legacyAuthenticate(Map<String, String> credentials) {
        throw new AuthenticationException("only the endpoint may sign in");
    }

    @Override
    public void validateConfiguration() throws ConfigurationException {}

    @Override
    public void setup() {}
}

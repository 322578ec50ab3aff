// Checks the signature of an election certificate of a roster cluster with a stock JWT library (golang-jwt), and says what that alone does not
// prove.
//
//	go mod tidy
//	go run . certificate.json keys.json CHECKSUM CLUSTER [MIN_TERM]
//
// certificate.json is what a node's GET /v1/certificate answers: {"certificate", "bundle"}. keys.json is a JWKS with the enclave's public
// keys. It has to come from somewhere that you trust, such as `fumata verify` over evidence: keys that a node hands out prove nothing.
//
// A resource that must not obey a deposed leader, or one that a broken enclave made up, needs more: `fumata verify` does it all, and
// lib/certificate/standalone/fumata_verify.js shows what to port.
//
// Exit codes: 0 the signature and the claims are in order, 3 they are not.
package main

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strconv"

	"github.com/golang-jwt/jwt/v4"
)

// What a signature alone leaves open. Each line is an attack that this program would not notice.
var notProven = []string{
	"that a quorum voted for it: the bundle was not looked at, so the enclave alone could have made this up",
	"that the leader was drawn and not chosen: the draw was not recomputed from the beacon",
	"that the key was born in an enclave that runs this function: keys.json was believed",
	"that no later term exists: remember the greatest term durably and refuse lower ones before you act",
	"that whoever presents it is the leader: ask for a signature with the key in cnf",
}

// The claims that this program looks at. A term is at most 2^53-1, so it is exact as JSON has it.
type claims struct {
	jwt.RegisteredClaims
	Name string `json:"name"`
	Term uint64 `json:"term"`
}

type jwk struct {
	Kty string `json:"kty"`
	N   string `json:"n"`
	E   string `json:"e"`
}

func main() {
	if len(os.Args) < 5 {
		refuse(errors.New("usage: verify certificate.json keys.json CHECKSUM CLUSTER [MIN_TERM]"))
	}
	said, err := verify(os.Args[1], os.Args[2], os.Args[3], os.Args[4])
	if err != nil {
		refuse(err)
	}
	if len(os.Args) > 5 {
		least, err := strconv.ParseUint(os.Args[5], 10, 64)
		if err != nil {
			refuse(err)
		}
		if said.Term < least {
			refuse(fmt.Errorf("term %d is over", said.Term))
		}
	}
	fmt.Printf("signature valid: %s leads %s in term %d\n", said.Name, said.Audience[0], said.Term)
	for _, line := range notProven {
		fmt.Println("not proven:", line)
	}
}

// The claims of a certificate whose signature, type, issuer and audience are in order.
func verify(path, keysPath, checksum, cluster string) (*claims, error) {
	var document struct {
		Certificate string `json:"certificate"`
	}
	var jwks struct {
		Keys []jwk `json:"keys"`
	}
	if err := read(path, &document); err != nil {
		return nil, err
	}
	if err := read(keysPath, &jwks); err != nil {
		return nil, err
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"})) // fixed: never what the token asks for
	said := &claims{}
	_, err := parser.ParseWithClaims(document.Certificate, said, func(token *jwt.Token) (interface{}, error) {
		// The type first: open clusters issue certificates with the same keys, and a partition of theirs may have two leaders.
		if token.Header["typ"] != "election+jwt" {
			return nil, fmt.Errorf("the type is %v, not election+jwt", token.Header["typ"])
		}
		for _, key := range jwks.Keys {
			if keyID(key) == token.Header["kid"] {
				return publicKey(key)
			}
		}
		return nil, fmt.Errorf("the key %v is not among those that are trusted", token.Header["kid"])
	})
	switch {
	case err != nil:
		return nil, err
	case !said.VerifyIssuer("fumata:"+checksum, true):
		return nil, fmt.Errorf("the issuer is %s, not fumata:%s", said.Issuer, checksum)
	case !said.VerifyAudience(cluster, true):
		return nil, fmt.Errorf("the cluster is %v, not %s", said.Audience, cluster)
	case said.Subject == "" || said.ID == "" || said.Term == 0:
		return nil, errors.New("a claim is missing")
	}
	return said, nil
}

// The RFC 7638 thumbprint: a kid says which key it is by itself, so a list cannot give a key another's name.
func keyID(key jwk) string {
	digest := sha256.Sum256([]byte(`{"e":"` + key.E + `","kty":"` + key.Kty + `","n":"` + key.N + `"}`))
	return base64.RawURLEncoding.EncodeToString(digest[:])
}

func publicKey(key jwk) (*rsa.PublicKey, error) {
	n, err := base64.RawURLEncoding.DecodeString(key.N)
	if err != nil || key.Kty != "RSA" || key.E != "AQAB" {
		return nil, errors.New("the key is no RSA key with the exponent 65537")
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}, nil
}

func read(path string, value interface{}) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, value)
}

func refuse(err error) {
	fmt.Println("refused:", err)
	os.Exit(3)
}

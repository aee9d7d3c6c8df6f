package web

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// seal keeps values in cookies so that nobody can read or change them: AES-256 in GCM, with a key of its own for each purpose.
type seal struct{ keys [][]byte }

// minKey is how long a key must be, in bytes.
const minKey = 32

func newSeal(keys [][]byte) (*seal, error) {
	if len(keys) == 0 {
		return nil, errors.New("the pages need a key that seals sessions")
	}
	for _, k := range keys {
		if len(k) < minKey {
			return nil, fmt.Errorf("a key that seals sessions has %d bytes, and needs %d or more", len(k), minKey)
		}
	}
	return &seal{keys}, nil
}

var errSealed = errors.New("what was sealed cannot be opened")

// close seals v for a purpose.
func (s *seal) close(purpose string, v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("sealing: %w", err)
	}
	box, err := cipherFor(s.keys[0], purpose)
	if err != nil {
		return "", fmt.Errorf("sealing: %w", err)
	}
	nonce := make([]byte, box.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return "", fmt.Errorf("sealing: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(box.Seal(nonce, nonce, text, []byte(purpose))), nil
}

// open opens what close sealed for the same purpose, with any of the keys.
func (s *seal) open(purpose, sealed string, v any) error {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return errSealed
	}
	for _, key := range s.keys {
		box, err := cipherFor(key, purpose)
		if err != nil {
			return fmt.Errorf("opening what was sealed: %w", err)
		}
		if len(raw) < box.NonceSize() {
			return errSealed
		}
		if text, err := box.Open(nil, raw[:box.NonceSize()], raw[box.NonceSize():], []byte(purpose)); err == nil {
			if json.Unmarshal(text, v) != nil {
				return errSealed
			}
			return nil
		}
	}
	return errSealed
}

func cipherFor(key []byte, purpose string) (cipher.AEAD, error) {
	own, err := hkdf.Key(sha256.New, key, nil, "slipway pages: "+purpose, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

package redisconn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

// place is a master and the channels that are there.
type place struct {
	client   rueidis.Client
	channels []string
}

// place says on which master each channel is.
func (c *Conn) place(ctx context.Context, channels []string) ([]place, error) {
	if !c.Cluster() {
		return []place{{c.client, channels}}, nil
	}
	owners, err := c.owners(ctx)
	if err != nil {
		return nil, err
	}
	nodes := c.client.Nodes()
	at := map[string]*place{}
	for _, channel := range channels {
		address := owners[Slot(channel)]
		if at[address] == nil {
			node, ok := nodes[address]
			if !ok {
				return nil, c.Problem("CLUSTER SLOTS", &Error{"CLUSTER SLOTS", c.where, ErrNotReady, fmt.Errorf("slot %d is at %q, which is not known yet", Slot(channel), address)})
			}
			at[address] = &place{client: node}
		}
		at[address].channels = append(at[address].channels, channel)
	}
	var places []place
	for _, p := range at {
		places = append(places, *p)
	}
	return places, nil
}

// Slots is how many slots a cluster's keys are spread over.
const Slots = 1 << 14

// owners gives the address of each slot's master.
func (c *Conn) owners(ctx context.Context) (owners [Slots]string, err error) {
	malformed := &Error{"CLUSTER SLOTS", c.where, ErrFailed, errors.New("cannot read the answer")}
	ranges, err := c.Do(ctx, c.B().ClusterSlots().Build()).ToArray()
	if err != nil {
		return owners, c.Problem("CLUSTER SLOTS", err)
	}
	for _, of := range ranges {
		fields, err := of.ToArray()
		if err != nil || len(fields) < 3 {
			return owners, malformed
		}
		from, err1 := fields[0].AsInt64()
		to, err2 := fields[1].AsInt64()
		master, err3 := fields[2].ToArray()
		if errors.Join(err1, err2, err3) != nil || len(master) < 2 || from < 0 || to >= Slots {
			return owners, malformed
		}
		host, err1 := master[0].ToString()
		port, err2 := master[1].AsInt64()
		if errors.Join(err1, err2) != nil {
			return owners, malformed
		}
		for slot := from; slot <= to; slot++ {
			owners[slot] = net.JoinHostPort(host, strconv.FormatInt(port, 10))
		}
	}
	return owners, nil
}

// Each gives every master, to ask it about itself.
func (c *Conn) Each(ctx context.Context, visit func(address string, do func(rueidis.Completed) rueidis.RedisResult) error) error {
	clients := map[string]rueidis.Client{c.where: c.client}
	if c.Cluster() {
		owners, err := c.owners(ctx)
		if err != nil {
			return err
		}
		nodes := c.client.Nodes()
		clear(clients)
		for slot, address := range owners {
			if nodes[address] == nil {
				return &Error{"CLUSTER SLOTS", c.where, ErrNotReady, fmt.Errorf("slot %d is at %q, which is not known", slot, address)}
			}
			clients[address] = nodes[address]
		}
	}
	for address, client := range clients {
		err := visit(address, func(command rueidis.Completed) rueidis.RedisResult {
			ctx, cancel := context.WithTimeout(ctx, c.timeout)
			defer cancel()
			return client.Do(ctx, command)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Slot is the slot of a key or channel: by what stands between its first { and the next }, if anything does.
func Slot(key string) uint16 {
	if from := strings.IndexByte(key, '{'); from >= 0 {
		if length := strings.IndexByte(key[from+1:], '}'); length > 0 {
			key = key[from+1 : from+1+length]
		}
	}
	var crc uint16 // CRC-16/XMODEM
	for i := range len(key) {
		crc ^= uint16(key[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc % Slots
}

package firefox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/coder/websocket"
)

type object = map[string]any

// Error is a command that the browser refused.
type Error struct {
	Method  string
	Code    string // such as "no such frame"
	Message string
}

func (e *Error) Error() string { return e.Method + ": " + e.Code + ": " + e.Message }

var errHungUp = errors.New("the connection to the browser has ended")

// connection is the browser's websocket: commands and their answers, which have numbers, and events. It is safe for concurrent use.
type connection struct {
	socket *websocket.Conn
	ctx    context.Context // ends with the connection
	cancel context.CancelFunc
	read   chan struct{}

	mu        sync.Mutex
	last      int
	waiting   map[int]chan message
	listeners []func(event string, params json.RawMessage)
}

// message is anything that the browser sends.
type message struct {
	Type    string // success, error or event
	ID      int
	Result  json.RawMessage
	Error   string
	Message string
	Method  string
	Params  json.RawMessage
}

func dial(address string) (*connection, error) {
	c := &connection{read: make(chan struct{}), waiting: map[int]chan message{}}
	c.ctx, c.cancel = context.WithTimeout(context.Background(), patience)
	var err error
	if c.socket, _, err = websocket.Dial(c.ctx, address, nil); err != nil {
		c.cancel()
		return nil, err
	}
	c.socket.SetReadLimit(-1) // screenshots are large
	go c.take()
	return c, nil
}

func (c *connection) hangUp() {
	c.cancel()
	_ = c.socket.CloseNow()
	<-c.read
}

func (c *connection) take() {
	defer close(c.read)
	defer c.cancel()
	for {
		_, data, err := c.socket.Read(c.ctx)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(data, &m) != nil {
			return
		}
		c.mu.Lock()
		answer, listeners := c.waiting[m.ID], c.listeners
		if m.Type != "event" {
			delete(c.waiting, m.ID)
		}
		c.mu.Unlock()
		if m.Type != "event" && answer != nil {
			answer <- m
			continue
		}
		for _, listener := range listeners {
			listener(m.Method, m.Params)
		}
	}
}

// listen calls f for every event that comes from now on, in their order. f must not send commands.
func (c *connection) listen(f func(event string, params json.RawMessage)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.listeners = append(c.listeners[:len(c.listeners):len(c.listeners)], f)
}

// send has the browser do something and waits until it has.
func (c *connection) send(ctx context.Context, method string, params any) (json.RawMessage, error) {
	answer := make(chan message, 1)
	c.mu.Lock()
	c.last++
	id := c.last
	c.waiting[id] = answer
	c.mu.Unlock()
	data, err := json.Marshal(object{"id": id, "method": method, "params": params})
	if err == nil {
		err = c.socket.Write(ctx, websocket.MessageText, data)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	select {
	case m := <-answer:
		if m.Type != "success" {
			return nil, &Error{method, m.Error, m.Message}
		}
		return m.Result, nil
	case <-c.ctx.Done():
		return nil, fmt.Errorf("%s: %w", method, errHungUp)
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

// call is send with an answer that is read.
func call[T any](c *connection, method string, params any) (T, error) {
	var result T
	data, err := c.send(c.ctx, method, params)
	if err == nil {
		err = json.Unmarshal(data, &result)
	}
	return result, err
}

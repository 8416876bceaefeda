package redistest

import (
	"bytes"
	"net"
	"sync"
	"testing"
)

// Proxy stands before a server and can leave connections open that carry nothing any more, as a broken network does.
type Proxy struct {
	Address string // host:port

	to    string
	mu    sync.Mutex
	moved *sync.Cond
	deaf  bool   // what the server publishes is held back
	cut   bool   // everything is held back, both ways
	lose  string // an answer to what has this in it ends its connection instead; empty: none does
	conns map[net.Conn]bool
	ended bool
}

// NewProxy starts one that lets everything through. It ends with the test.
func NewProxy(t testing.TB, server *Server) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Address: listener.Addr().String(), to: server.Address, conns: map[net.Conn]bool{}}
	p.moved = sync.NewCond(&p.mu)
	t.Cleanup(func() {
		listener.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ended = true
		p.moved.Broadcast()
		for conn := range p.conns {
			conn.Close()
		}
	})
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	}()
	return p
}

// Deafen holds back what the server sends on connections that have subscribed to anything; Cut holds back everything. Neither ends a
// connection. Heal lets go what was held back.
func (p *Proxy) Deafen() { p.set(true, false, "") }
func (p *Proxy) Cut()    { p.set(false, true, "") }
func (p *Proxy) Heal()   { p.set(false, false, "") }

// Swallow ends a connection instead of passing on the answer to any command with this text in it: what was asked has happened.
func (p *Proxy) Swallow(text string) { p.set(false, false, text) }

func (p *Proxy) set(deaf, cut bool, lose string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf, p.cut, p.lose = deaf, cut, lose
	p.moved.Broadcast()
}

func (p *Proxy) serve(client net.Conn) {
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		client.Close()
		return
	}
	p.mu.Lock()
	p.conns[client], p.conns[server] = true, true
	p.mu.Unlock()
	subscribed, doomed := false, false // guarded by mu
	var both sync.WaitGroup
	both.Go(func() {
		p.copy(server, client, func(data []byte) {
			p.mu.Lock()
			defer p.mu.Unlock()
			subscribed = subscribed || bytes.Contains(data, []byte("SUBSCRIBE"))
			doomed = doomed || p.lose != "" && bytes.Contains(data, []byte(p.lose))
		}, func() bool { return p.cut })
	})
	both.Go(func() {
		p.copy(client, server, func(data []byte) {
			p.mu.Lock()
			defer p.mu.Unlock()
			if doomed {
				client.Close()
			}
		}, func() bool { return p.cut || p.deaf && subscribed })
	})
	both.Wait()
	p.mu.Lock()
	delete(p.conns, client)
	delete(p.conns, server)
	p.mu.Unlock()
}

// copy goes on until either end closes. held is asked with mu locked.
func (p *Proxy) copy(to, from net.Conn, look func([]byte), held func() bool) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		look(buffer[:n])
		p.mu.Lock()
		for held() && !p.ended {
			p.moved.Wait()
		}
		p.mu.Unlock()
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

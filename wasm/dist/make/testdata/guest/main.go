// Command guest does what depends on the runtime's tables: it grows stacks, collects garbage under them, panics through deferred
// calls, and prints the names of the functions on its stack.
package main

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

type node struct {
	next *node
	text string
}

func deep(n int) *node {
	if n == 0 {
		runtime.GC()
		return nil
	}
	var room [64]byte
	room[n%64] = byte(n)
	rest := deep(n - 1)
	return &node{rest, fmt.Sprint(n, room[n%64])}
}

func fails(n int) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = errors.Join(fmt.Errorf("recovered at %d: %v", n, value), err)
		}
	}()
	if n > 0 {
		if err := fails(n - 1); err != nil {
			panic(err)
		}
	}
	var none []int
	return fmt.Errorf("got %d", none[n])
}

func names() string {
	var counters [16]uintptr
	frames := runtime.CallersFrames(counters[:runtime.Callers(1, counters[:])])
	var all []string
	for {
		frame, more := frames.Next()
		all = append(all, frame.Function)
		if !more {
			return strings.Join(all, " ")
		}
	}
}

func main() {
	length := 0
	for n := deep(5000); n != nil; n = n.next {
		length += len(n.text)
	}
	fmt.Println("length", length)
	fmt.Println(fails(5))
	results := make(chan string)
	for i := range 20 {
		go func() { results <- fmt.Sprint(i, deep(300+i).text) }()
	}
	sum := 0
	for range 20 {
		sum += len(<-results)
		runtime.GC()
	}
	fmt.Println("sum", sum)
	fmt.Println(names())
	panic("the end")
}

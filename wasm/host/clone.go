package host

// Cloneable is Go state of an object (see [Object.SetData]) that knows how to make a copy of its object in another realm, such
// as a key handle. Objects with other Go state cannot be cloned.
type Cloneable interface {
	CloneTo(r *Realm) (*Object, error)
}

// Clone copies v into the realm as the structured clone algorithm does: the way a value takes through postMessage,
// BroadcastChannel and IndexedDB. Functions, promises and host objects throw a DataCloneError. Shared parts and cycles stay.
func Clone(to *Realm, v Value) (Value, error) {
	c := &cloner{to: to, seen: map[*Object]*Object{}}
	return c.value(orUndefined(v), 0)
}

type cloner struct {
	to   *Realm
	seen map[*Object]*Object
}

func (c *cloner) value(v Value, depth int) (Value, error) {
	o, ok := v.(*Object)
	if !ok {
		return v, nil
	}
	if copied, ok := c.seen[o]; ok {
		return copied, nil
	}
	if depth > maxDepth {
		return nil, Errorf("DataCloneError", "value is nested deeper than %d", maxDepth)
	}
	copied, deep, err := c.shell(o)
	if err != nil {
		return nil, err
	}
	c.seen[o] = copied
	if !deep {
		return copied, nil
	}
	for _, name := range o.Keys() {
		v, err := o.Get(name)
		if err != nil {
			return nil, err
		}
		if v, err = c.value(v, depth+1); err != nil {
			return nil, err
		}
		copied.Define(name, v)
	}
	return copied, nil
}

// shell makes the copy of an object without its properties, and says whether those are to be copied.
func (c *cloner) shell(o *Object) (copied *Object, deep bool, err error) {
	switch data := o.data.(type) {
	case nil:
	case Cloneable:
		copied, err = data.CloneTo(c.to)
		return copied, false, err
	case *date:
		return c.to.NewDate(data.ms), false, nil
	case *buffer:
		return c.to.NewArrayBuffer(append([]byte{}, data.bytes...)), false, nil
	default:
		return nil, false, cloneError(o)
	}
	if o.fn != nil {
		return nil, false, cloneError(o)
	}
	if o.class == "Error" {
		e := c.to.NewError(o.dataString("name"), o.dataString("message"))
		return e, false, nil
	}
	switch elements := o.exotic.(type) {
	case *array:
		return c.to.NewArray(), true, nil
	case *view:
		whole, err := c.value(elements.object, 0)
		if err != nil {
			return nil, false, err
		}
		buf, _ := whole.(*Object)
		b, _ := Bytes(buf)
		end := elements.offset + len(elements.bytes)
		return &Object{realm: c.to, proto: c.to.protos.views[elements.kind], exotic: &view{
			object: buf, bytes: b[elements.offset:end:end], offset: elements.offset, kind: elements.kind,
		}}, false, nil
	}
	return c.to.NewObject(), true, nil
}

func cloneError(o *Object) error {
	return Errorf("DataCloneError", "%s could not be cloned.", v8Name(o))
}

// v8Name names a value in the messages of exceptions as V8 does.
func v8Name(v Value) string {
	o, ok := v.(*Object)
	switch {
	case !ok || o == nil:
		return Describe(v)
	case o.fn != nil:
		return "function " + o.dataString("name") + "() { [native code] }"
	}
	return "#<" + o.className() + ">"
}

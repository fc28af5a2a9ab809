/** What bodies look like, by role and colour scheme. Everything made here is owned, and disposed, by the caller. */

import * as three from 'three';
import { RoundedBoxGeometry } from 'three/examples/jsm/geometries/RoundedBoxGeometry.js';
import type { BodyInfo } from '../../lab/api.ts';
import type { Scheme } from '../state/colours.ts';

type Role = BodyInfo['role'];

interface Finish {
  readonly colour: Readonly<Record<Scheme, string>>;
  readonly roughness: number;
  readonly metalness: number;
  readonly opacity?: number;
}

const finishes: Readonly<Record<Role, Finish>> = {
  floor: { colour: { dark: '#20242b', light: '#e9ebee' }, roughness: 0.95, metalness: 0 },
  table: { colour: { dark: '#5a6370', light: '#d9d5cd' }, roughness: 0.72, metalness: 0.02 },
  wall: { colour: { dark: '#7d8796', light: '#b9bfc9' }, roughness: 0.8, metalness: 0 },
  link: { colour: { dark: '#e4e6ea', light: '#e4e7eb' }, roughness: 0.38, metalness: 0.08 },
  joint: { colour: { dark: '#4a5364', light: '#424a57' }, roughness: 0.45, metalness: 0.25 },
  gripper: { colour: { dark: '#4f9ae8', light: '#2f7fd1' }, roughness: 0.4, metalness: 0.2 },
  wheel: { colour: { dark: '#2b3038', light: '#33383f' }, roughness: 0.8, metalness: 0.05 },
  agent: { colour: { dark: '#4f9ae8', light: '#2f7fd1' }, roughness: 0.4, metalness: 0.15 },
  mate: { colour: { dark: '#5cc9e0', light: '#2399b5' }, roughness: 0.4, metalness: 0.15 },
  opponent: { colour: { dark: '#e0679b', light: '#c23b76' }, roughness: 0.4, metalness: 0.15 },
  object: { colour: { dark: '#f2803f', light: '#e86f2a' }, roughness: 0.55, metalness: 0.02 },
  distractor: { colour: { dark: '#b49ae0', light: '#8a6cc4' }, roughness: 0.6, metalness: 0.02 },
  fixture: { colour: { dark: '#c7a56a', light: '#b08947' }, roughness: 0.6, metalness: 0.05 },
  tool: { colour: { dark: '#d8c24a', light: '#a98f14' }, roughness: 0.5, metalness: 0.05 },
  goal: { colour: { dark: '#35d6a8', light: '#009a70' }, roughness: 0.5, metalness: 0, opacity: 0.26 },
  marker: { colour: { dark: '#9fd6f5', light: '#3b8fbd' }, roughness: 0.6, metalness: 0, opacity: 0.4 },
  screen: { colour: { dark: '#2b3440', light: '#20262f' }, roughness: 0.3, metalness: 0 },
};

export const roleColour = (role: Role, scheme: Scheme): string => finishes[role].colour[scheme];

export function geometryOf(body: BodyInfo): three.BufferGeometry {
  const { shape } = body;
  switch (shape.type) {
    case 'box': {
      const [x, y, z] = shape.size;
      return new RoundedBoxGeometry(x, y, z, 3, Math.min(0.012, Math.min(x, y, z) * 0.14));
    }
    case 'sphere':
      return new three.SphereGeometry(shape.radius, 32, 20);
    // Ours run along local z, three's along local y.
    case 'capsule':
      return new three.CapsuleGeometry(shape.radius, shape.length, 10, 28).rotateX(Math.PI / 2);
    case 'cylinder':
      return new three.CylinderGeometry(shape.radius, shape.radius, shape.length, 40).rotateX(Math.PI / 2);
  }
}

/** One for bodies of one shape in all sizes; see `scaleOf`. Plain: a crowd of rounded edges is slow to draw. */
export function crowdGeometryOf({ shape }: BodyInfo): three.BufferGeometry {
  switch (shape.type) {
    case 'box':
      return new three.BoxGeometry(1, 1, 1);
    case 'sphere':
      return new three.SphereGeometry(1, 20, 14);
    case 'capsule':
      return new three.CapsuleGeometry(shape.radius, shape.length, 6, 16).rotateX(Math.PI / 2);
    case 'cylinder':
      return new three.CylinderGeometry(1, 1, 1, 24).rotateX(Math.PI / 2);
  }
}

/** What a body's size makes of the geometry of its crowd. */
export function scaleOf({ shape }: BodyInfo): readonly [number, number, number] {
  switch (shape.type) {
    case 'box':
      return shape.size;
    case 'sphere':
      return [shape.radius, shape.radius, shape.radius];
    case 'capsule':
      return [1, 1, 1];
    case 'cylinder':
      return [shape.radius, shape.radius, shape.length];
  }
}

export function materialOf(role: Role, scheme: Scheme): three.MeshStandardMaterial {
  const { colour, roughness, metalness, opacity } = finishes[role];
  return new three.MeshStandardMaterial({
    color: colour[scheme],
    roughness,
    metalness,
    ...(opacity === undefined ? {} : { transparent: true, opacity, depthWrite: false }),
  });
}

/** Lines every 10 cm and every metre that fade out with distance from the middle of the picture. */
export function groundGrid(scheme: Scheme): three.Mesh<three.PlaneGeometry, three.ShaderMaterial> {
  const material = new three.ShaderMaterial({
    transparent: true,
    depthWrite: false,
    uniforms: {
      colour: { value: new three.Color(scheme === 'dark' ? '#93a1b5' : '#5b6675') },
      strength: { value: scheme === 'dark' ? 0.42 : 0.2 },
      reach: { value: 2.6 },
      middle: { value: new three.Vector2() },
    },
    vertexShader: /* glsl */ `
      varying vec2 at;
      void main() {
        vec4 world = modelMatrix * vec4(position, 1.0);
        at = world.xy;
        gl_Position = projectionMatrix * viewMatrix * world;
      }`,
    fragmentShader: /* glsl */ `
      varying vec2 at;
      uniform vec3 colour;
      uniform float strength;
      uniform float reach;
      uniform vec2 middle;
      float line(float cell) {
        vec2 p = at / cell;
        vec2 width = fwidth(p);
        vec2 d = abs(fract(p - 0.5) - 0.5) / max(width, vec2(1e-6));
        float near = 1.0 - min(min(d.x, d.y), 1.0);
        return near * (1.0 - smoothstep(0.25, 0.9, max(width.x, width.y)));
      }
      void main() {
        float fade = 1.0 - smoothstep(reach * 0.15, reach, length(at - middle));
        float alpha = max(line(0.1) * 0.35, line(1.0)) * fade * strength;
        if (alpha < 0.003) discard;
        gl_FragColor = vec4(colour, alpha);
      }`,
  });
  const mesh = new three.Mesh(new three.PlaneGeometry(1, 1), material);
  mesh.renderOrder = -1;
  return mesh;
}

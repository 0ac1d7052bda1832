/* trust-region-book, MIT. Sources: ca36b83aaef11694. Holds modules of D3 (ISC licence):
Copyright 2010-2021 Mike Bostock
Copyright 2010-2022 Mike Bostock
Copyright 2010-2026 Mike Bostock
Copyright 2015-2026 Mike Bostock

Permission to use, copy, modify, and/or distribute this software for any purpose
with or without fee is hereby granted, provided that the above copyright notice
and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH
REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND
FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT,
INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS
OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER
TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF
THIS SOFTWARE.
*/
import{bench as j,binaryKl as D,calm as H,drawing as O,join as w,linearScale as y,logSigmoid as M,number as S,probability as E,sigmoid as N,stroke as R,textsAt as V}from"./common.js";var x=".trx .chance{stroke:var(--soft)}.trx .along,.trx .rise{fill:none;stroke-width:3.4;stroke-linecap:round;stroke-linejoin:round}.trx .rise{stroke-width:7;stroke-linecap:butt}.trx .along{stroke:var(--ink)}.trx .rise.middle{stroke:var(--a0)}.trx .rise.here{stroke:var(--bad)}.trx .name.middle{fill:var(--a0)}.trx .name.here{fill:var(--bad)}";var p=1,b=-.5,d=6,A=100,z=Array.from({length:121},(t,r)=>-d+r*d/60);function f(t){let[r,i]=[t,t+p].map(N);return{from:t,before:r,after:i,moved:i-r,kl:D(M(t),M(t+p))}}var P=t=>String(t).replace("-","−");function F({theta1:t}){let[r,i]=[b,t].map(f),o=c=>Number((r[c]/i[c]).toPrecision(2)),k=o("moved")<1.1?"as in the middle":`${o("moved")} times less than in the middle`;return H(`From ${P(t)} it moves the probability by ${E(i.moved)}, ${k}`,`The step in θ is 1 wherever it begins, and a learning rate limits only that. How far the policy moves, it doesn't know: ${S(i.kl)} nats here, ${S(r.kl)} in the middle${o("kl")<1.1?"":`, ${o("kl")} times as many`}.`)}function I(){let t=O(),r=t.panel(),i=r.clipped.append("path").attr("class","line chance"),o=r.inside.append("g"),k=r.inside.append("g"),c=r.inside.append("g");return{node:t.node,height:m=>m<480?260:330,draw({theta1:m},K,{width:$,height:v}){t.size($,v);let g=r.place({width:$,height:v}),s=y([-d,d],[0,g.width],6),a=y([0,1],[g.height,0],5),u=[{...f(b),look:"middle",name:"middle"},{...f(m),look:"here",name:"here"}];r.scales(s,a),r.titles("parameter θ","probability of yes"),i.attr("d",R(z.map(e=>[s(e),a(N(e))]))),w(k,"path",u,{class:({look:e})=>`along ${e}`,d:({from:e,before:n})=>`M${s(e)},${a(n)}H${s(e+p)}m-6,-4l6,4l-6,4`}),w(o,"path",u,{class:({look:e})=>`rise ${e}`,d:({from:e,before:n,after:l})=>`M${s(e+p)},${a(n)}V${a(l)}`});let h=e=>e.look==="here"?m>=b:m<b,T=e=>{let n=h(e)?s(e.from+p):s(e.from),l=h(e)?n+A<g.width:n>A;return{x:n+(l===h(e)?10:-10)*Number(l),y:h(e)?Math.max(a(e.before)+(l?0:24),a(e.after)+26):Math.min(a(e.after),a(e.before)-16),anchor:l===h(e)?"start":"end"}};V(c,"text.name",u.map(e=>({look:e.look,text:`${e.name}: ${E(e.moved)}`,...T(e)})),{class:({look:e})=>`name ${e}`})}}}var B=j({name:"natural_gradient",title:"The same step of a parameter at two places",opener:!0,control:"theta1",style:x,settings:{theta1:{label:"θ",spoken:"where the step begins",write:P,rungs:Array.from({length:21},(t,r)=>r/2-5),low:-d,high:d,why:"the map ends there; beyond it a token is certain to a few thousandths."}},read:t=>({facts:[],verdict:F(t)}),board:I});export{B as default};
